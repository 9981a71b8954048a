"""A user made from records: judged on each by the others, and predicted for items not seen."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from securefed.recipes.recommender import Recommender, hit_rate
from tests.recipes.recommender.small import MODELS, as_units, lively, recommender


@pytest.mark.parametrize("model", MODELS)
def test_a_judged_record_is_predicted_from_the_others_alone(
    model: str, mocked: Callable[..., Any]
) -> None:
    recipe = recommender(model=model, users="records")
    batch = as_units(mocked(recipe, 7), [7], 7)
    begun = lively(recipe.model()).eval()
    assert isinstance(begun, Recommender)
    losses = recipe.losses(begun, batch)
    for place in range(7):
        others = torch.arange(7) != place
        told = begun.foretell(
            batch["item"][others], batch["rating"][others], batch["item"][[place]]
        )
        wanted = 0.5 * (told - batch["rating"][place]).square()
        torch.testing.assert_close(losses[[place]], wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_a_user_without_ratings_is_predicted_by_the_items(model: str) -> None:
    begun = lively(recommender(model=model, users="records").model()).eval()
    assert isinstance(begun, Recommender)
    none = torch.zeros(0, dtype=torch.int64)
    told = begun.foretell(none, torch.zeros(0), torch.tensor([3, 4]))
    assert told.shape == (2,)
    assert told.isfinite().all()


def test_a_model_without_a_table_needs_the_ratings() -> None:
    begun = recommender(users="records").model()
    with pytest.raises(ValueError, match="without a table"):
        begun(torch.tensor([1, 2]))


def test_hits_are_counted_and_a_tie_is_none() -> None:
    scores = torch.zeros(4, 100)
    scores[0, 0] = 1  # best
    scores[1, 1:10] = 1  # nine above, ninety level with it
    scores[2, 1:10] = 1
    scores[2, 10:] = -1  # tenth
    scores[3, 1:11] = 1
    scores[3, 11:] = -1  # eleventh
    assert hit_rate(scores) == 0.5


def test_a_score_that_is_no_number_is_no_hit() -> None:
    assert hit_rate(torch.full((3, 100), torch.nan)) == 0.0
    scores = torch.zeros(1, 100)
    scores[0, 0] = torch.nan
    assert hit_rate(scores) == 0.0


@pytest.mark.parametrize("shape", [(0, 100), (5, 10), (5,)])
def test_too_few_candidates_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="candidates"):
        hit_rate(torch.zeros(shape))
