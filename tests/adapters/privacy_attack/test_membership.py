"""How well members are told from others: known cases, and what is exact about it."""

from pathlib import Path

import numpy as np
import pytest

from securefed.adapters.opacus_training.attacked import AttackedEngine
from securefed.adapters.privacy_attack.engine import Weights
from securefed.adapters.privacy_attack.extent import mechanism
from securefed.adapters.privacy_attack.membership import membership, told_apart
from securefed.adapters.privacy_attack.witness import Witness
from securefed.domain.privacy import DpSgd
from securefed.recipes.memorising import Memorising

pytestmark = pytest.mark.slow

WIDTH = 500


def test_equal_scores_are_not_told_apart() -> None:
    seen = told_apart(np.zeros(100), np.zeros(400))
    assert seen.auc == 0.5
    assert not seen.sees
    assert seen.true_positive == seen.false_positive == 0


def test_scores_that_never_overlap() -> None:
    seen = told_apart(np.arange(1000.0, 1100.0), np.arange(400.0))
    assert seen.auc == 1
    assert seen.sees
    assert seen.true_positive == 1
    assert seen.false_positive <= 0.01
    # Of a hundred members, all found: the share may still be 96 %.
    assert seen.true_positive_bounds == pytest.approx((0.9638, 1.0), abs=1e-4)


def test_the_area_counts_all_pairs() -> None:
    assert told_apart(np.array([1.0, 3.0]), np.array([0.0, 2.0, 3.0, 4.0])).auc == 3.5 / 8


def test_of_the_same_law_members_are_seldom_told_apart() -> None:
    chance = np.random.default_rng(5)
    seen = [told_apart(chance.normal(size=100), chance.normal(size=400)) for _ in range(60)]
    assert sum(one.sees for one in seen) <= 6
    covered = [one.auc_bounds[0] <= 0.5 <= one.auc_bounds[1] for one in seen]
    assert sum(covered) >= 52
    assert np.mean([one.false_positive for one in seen]) < 0.03


@pytest.mark.parametrize(("noise", "sees"), [("0.001", True), ("1000", False)])
def test_a_model_without_noise_gives_its_members_away(noise: str, sees: bool) -> None:
    """With so much noise the intervals, of 95 %, are wrong once in forty: they are only printed."""
    engine, recipe = AttackedEngine(), Memorising(WIDTH, 10.0)
    members, others, third = (recipe.mock(count, count, Path()) for count in (100, 1000, 101))
    how = mechanism(noise, "1", 16)

    def weights(records: object, steps: DpSgd) -> Weights:
        witness = Witness(records, recipe.columns(), steps.steps)
        return engine.train(recipe, witness, steps, witness, lambda _: None).weights

    target, shadow = weights(members, how), weights(third, how)
    for shadows in ((), (shadow,)):
        found = membership(engine, recipe, target, members, others, shadows)
        # Of the area without any signal: six standard errors.
        assert (found.auc > 0.5 + 6 * 0.031) is sees
        if sees:
            assert found.sees
            assert found.true_positive > found.false_positive


def test_losses_are_those_of_each_record_alone() -> None:
    engine, recipe = AttackedEngine(), Memorising(WIDTH, 10.0)
    records = recipe.mock(5, 1, Path())
    weights = {"weight": np.random.default_rng(2).normal(size=(1, WIDTH))}
    together = engine.losses(recipe, weights, records)
    alone = [engine.losses(recipe, weights, records.picked([place])) for place in range(5)]
    assert together == pytest.approx(np.concatenate(alone), rel=1e-5)
    assert together.std() > 0
