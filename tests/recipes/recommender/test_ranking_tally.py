"""HR@10 as a tally: what a record adds depends on that record, and noise is spent on one count."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from securefed.recipes.recommender import RecommenderRecipe, hit_rate
from securefed.recipes.recommender.model import Recommender
from securefed.recipes.recommender.ranking import OTHERS, RatingTally, public_shifts
from securefed.recipes.tallies import RangeTally
from tests.recipes.recommender.small import as_units, lively, recommender

Mocked = Callable[..., Any]


def test_the_figures_are_those_of_the_records_ranked_one_by_one(mocked: Mocked) -> None:
    recipe = recommender(items=130)
    model, batch = lively(recipe.model()).eval(), mocked(recipe, 40)
    shifts = public_shifts(130)
    assert shifts.shape == (OTHERS,)
    assert len(set(shifts.tolist())) == OTHERS
    assert 1 <= shifts.min() <= shifts.max() < 130
    scores = []
    for item, user in zip(batch["item"], batch["user"], strict=True):
        candidates = torch.cat([item[None], (item + shifts) % 130])
        scores.append(model(candidates, user=user.expand(len(candidates))))
    found = recipe.metrics(recipe.tallies(model, batch).sum(0))
    assert found["hr_at_10"] == pytest.approx(hit_rate(torch.stack(scores)), abs=1e-6)
    answers = model(batch["item"], user=batch["user"]) + recipe.settings.centre
    errors = RangeTally(low=1, high=5)
    plain = errors.metrics(errors.rows(answers, batch["rating"] + recipe.settings.centre).sum(0))
    assert {name: found[name] for name in plain} == pytest.approx(plain, rel=1e-5)


def test_a_user_of_records_is_ranked_by_the_others_alone(mocked: Mocked) -> None:
    recipe = recommender(items=40, users="records")
    model, batch = lively(recipe.model()).eval(), as_units(mocked(recipe, 6), [6], 6)
    told = recipe.tallies(model, batch)
    shifts, place = public_shifts(40), 2
    others = torch.arange(6) != place
    candidates = torch.cat([batch["item"][[place]], (batch["item"][place] + shifts) % 40])
    assert isinstance(model, Recommender)
    alone = model.foretell(batch["item"][others], batch["rating"][others], candidates)
    assert (told[place, 3] > 0).item() == bool(hit_rate(alone[None]))


def test_what_a_record_adds_is_no_longer_than_one(
    recipe: RecommenderRecipe, mocked: Mocked
) -> None:
    batch = as_units(mocked(recipe, 12), [3, 3, 3, 3], 3)
    rows = recipe.tallies(lively(recipe.model()).eval(), batch)
    assert rows.shape == (12, 4)
    assert (rows.norm(dim=1) <= 1 + 1e-6).all()


def test_nothing_counted_or_no_number_is_no_hit() -> None:
    tally = RatingTally(low=1, high=5, items=30)
    hit = torch.tensor([True, True, False])
    rows = tally.rows(torch.tensor([3.0, 3, 3]), torch.tensor([3.0, torch.nan, 3]), hit)
    assert not rows[1].any()
    assert tally.metrics(rows.sum(0)) == pytest.approx({"rmse": 0, "mae": 0, "hr_at_10": 0.5})


def test_a_catalogue_without_a_top_ten_has_errors_only(mocked: Mocked) -> None:
    recipe = recommender(items=10)
    tally = recipe.tallies(recipe.model().eval(), mocked(recipe, 8)).sum(0)
    assert set(recipe.metrics(tally)) == {"rmse", "mae"}
