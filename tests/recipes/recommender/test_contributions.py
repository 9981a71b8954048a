"""What a unit adds to a step: as a loop over single units finds it, and nobody else's doing."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from securefed.recipes.recommender import RecommenderRecipe
from tests.recipes.recommender.small import (
    MODELS,
    as_units,
    lively,
    recommender,
    unit_gradients,
)

CLIP = 0.05
COUNTS = (4, 1, 3)
ROWS = 4


def _engine(
    recipe: RecommenderRecipe, model: nn.Module, batch: dict[str, Tensor], rows: int, clip: float
) -> list[Tensor]:
    module = BookkeepingModule(model)
    with module.logical_batch(clip) as logical:
        logical.add(recipe.losses(module, batch) * batch["weight"], unit_rows=rows)
        logical.write()
    found = [parameter.grad for parameter in module.detach().parameters()]
    return [grad for grad in found if grad is not None]


def _norm(gradients: list[Tensor]) -> Tensor:
    return torch.cat([one.flatten() for one in gradients]).norm()


@pytest.mark.parametrize("rows", [1, ROWS])
def test_the_clipped_sum_is_that_of_a_loop_over_units(
    recipe: RecommenderRecipe, mocked: Callable[..., Any], rows: int
) -> None:
    counts = COUNTS if rows > 1 else [1] * 12
    batch = as_units(mocked(recipe, len(counts) * rows), counts, rows)
    model = lively(recipe.model())
    alone = unit_gradients(recipe, model, batch)
    factors = [min(1.0, CLIP / float(_norm(one))) for one in alone]
    assert max(factors[0], factors[-1]) < 1
    wanted = [
        torch.stack([factor * grad for factor, grad in zip(factors, grads, strict=True)]).sum(0)
        for grads in zip(*alone, strict=True)
    ]
    found = _engine(recipe, model, batch, rows, CLIP)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_a_user_with_many_ratings_adds_no_more_than_the_clip(
    recipe: RecommenderRecipe, mocked: Callable[..., Any]
) -> None:
    batch = as_units(mocked(recipe, 64), [64], 64)
    batch["rating"] = torch.full_like(batch["rating"], 2.0)
    assert _norm(_engine(recipe, lively(recipe.model()), batch, 64, CLIP)) <= CLIP * (1 + 1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_a_row_that_only_fills_changes_nothing(model: str, mocked: Callable[..., Any]) -> None:
    recipe = recommender(model=model, users="records")
    batch = mocked(recipe, 6)
    filled = {name: torch.cat([one, one[:1], one[:1]]) for name, one in batch.items()}
    begun = lively(recipe.model())
    [bare] = unit_gradients(recipe, begun, as_units(batch, [6], 6))
    [full] = unit_gradients(recipe, begun, as_units(filled, [6], 8))
    for one, other in zip(bare, full, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("model", MODELS)
def test_another_users_ratings_do_not_reach_a_user(model: str, mocked: Callable[..., Any]) -> None:
    recipe = recommender(model=model, users="records")
    batch = as_units(mocked(recipe, 8), [4, 4], 4)
    changed = {**batch, "rating": batch["rating"].clone(), "item": batch["item"].clone()}
    changed["rating"][4:] *= -1
    changed["item"][4:] = 29
    for judged in (True, False):
        begun = lively(recipe.model()).train(not judged)
        first, second = recipe.losses(begun, batch), recipe.losses(begun, changed)
        torch.testing.assert_close(first[:4], second[:4], rtol=0, atol=0)
        assert not torch.equal(first[4:], second[4:])


def test_the_fit_to_a_user_makes_the_gradient_that_of_the_whole_optimum(
    mocked: Callable[..., Any],
) -> None:
    """Moving the items moves the best fit too, and to first order that makes no difference."""
    recipe = recommender(users="records", table_scale=1.0, first_weights=0.5)
    batch = as_units(mocked(recipe, 8), [8], 8)
    model = lively(recipe.model()).double()
    batch["rating"] = batch["rating"].double()
    [[gradient]] = unit_gradients(recipe, model, {**batch, "weight": torch.ones(8)})
    direction = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        weight = model.get_parameter("item.weight")
        values = []
        for step in (1e-3, -2e-3):
            weight.add_(step * direction)
            values.append(_optimum(recipe, weight, batch))
    slope = (values[0] - values[1]) / 2e-3
    assert slope == pytest.approx(float((gradient * direction).sum()), rel=1e-3)


def _optimum(recipe: RecommenderRecipe, weight: Tensor, batch: dict[str, Tensor]) -> float:
    """Half the squared error and half the penalty at the ridge solution."""
    rows = weight[batch["item"]]
    seen = torch.cat([torch.ones(8, 1), rows[:, 1:]], 1)
    wanted = batch["rating"] - rows[:, 0]
    settings = recipe.settings
    penalty = torch.diag(
        torch.tensor([settings.bias_penalty] + [settings.width_penalty] * 3)
    ).double()
    fit = torch.linalg.solve(seen.mT @ seen + penalty, seen.mT @ wanted)
    return float((wanted - seen @ fit).square().sum() + fit @ penalty @ fit) / 2
