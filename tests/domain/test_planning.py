"""Accounting turned around: what is returned fits, and a grid step better would not."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.domain.planning import (
    MOST_ROUNDS,
    Costs,
    PlannedRound,
    curve,
    least_useful,
    noise_for,
    rate_for,
    rounds_for,
    signal,
)
from securefed.domain.privacy import DpSgd, GaussianRelease, Mechanism, Sampling
from securefed.domain.renyi import best_epsilon

pytestmark = pytest.mark.slow

DELTA = Decimal("1e-5")


def cost(mechanisms: tuple[Mechanism, ...]) -> Decimal:
    """The core's own bound: monotone like an accountant, and fast."""
    return best_epsilon(mechanisms, DELTA)


def one(noise: str = "1.1", rate: str = "0.02", steps: int = 20) -> PlannedRound:
    training = DpSgd(
        noise_multiplier=Decimal(noise),
        sampling_rate=Decimal(rate),
        sampling=Sampling.POISSON,
        steps=steps,
        clip=Decimal(1),
    )
    metrics = GaussianRelease(noise_multiplier=Decimal(300), releases=1)
    return PlannedRound(training=training, others=(metrics,))


COSTS = Costs(tight=cost, quick=lambda mechanisms: cost(mechanisms) * Decimal("1.2"))

targets = st.decimals(min_value="0.4", max_value="9", places=2)


@settings(max_examples=15, deadline=None)
@given(target=targets, rounds=st.integers(1, 50))
def test_the_noise_fits_and_a_little_less_does_not(target: Decimal, rounds: int) -> None:
    found = noise_for(COSTS, one(), rounds, target)
    assert found is not None
    assert cost(one().with_noise(found).times(rounds)) <= target
    less = found * Decimal("0.98")
    assert less < Decimal("0.2") or cost(one().with_noise(less).times(rounds)) > target


@settings(max_examples=15, deadline=None)
@given(target=targets, rounds=st.integers(1, 20))
def test_the_rate_fits_and_a_little_more_does_not(target: Decimal, rounds: int) -> None:
    found = rate_for(COSTS, one(), rounds, target)
    assert found is not None
    assert cost(one().with_rate(found).times(rounds)) <= target
    more = found * Decimal("1.03")
    assert more > 1 or cost(one().with_rate(more).times(rounds)) > target


@settings(max_examples=25, deadline=None)
@given(target=targets)
def test_the_rounds_fit_and_one_more_does_not(target: Decimal) -> None:
    found = rounds_for(COSTS, one(), target)
    assert found == 0 or cost(one().times(found)) <= target
    assert found == MOST_ROUNDS or cost(one().times(found + 1)) > target


def test_where_nothing_fits_there_is_no_answer() -> None:
    loud = PlannedRound(
        training=one().training,
        others=(GaussianRelease(noise_multiplier=Decimal("0.3"), releases=1),),
    )
    assert noise_for(COSTS, loud, 5, Decimal(1)) is None
    assert rate_for(COSTS, loud, 5, Decimal(1)) is None
    assert rounds_for(COSTS, loud, Decimal(1)) == 0


def test_no_more_rounds_are_planned_than_anyone_runs() -> None:
    assert rounds_for(COSTS, PlannedRound(training=one("500").training), Decimal(9)) == MOST_ROUNDS


def test_the_curve_rises_from_the_first_round_to_the_last() -> None:
    points = curve(cost, one(), 37)
    assert (points[0].rounds, points[-1].rounds) == (1, 37)
    assert [point.epsilon for point in points] == sorted(point.epsilon for point in points)
    assert points[-1].epsilon == cost(one().times(37))


def test_one_round_is_one_point() -> None:
    assert [point.rounds for point in curve(cost, one(), 1)] == [1]


def test_the_signal_grows_with_units_and_falls_with_parameters() -> None:
    training = one().training
    assert signal(training, 5, 1000, 10) == pytest.approx(10 * signal(training, 5, 100, 10))
    assert signal(training, 5, 100, 40) == pytest.approx(signal(training, 5, 100, 10) / 2)


def test_thirty_units_and_a_large_model_have_no_useful_epsilon() -> None:
    assert least_useful(cost, 30, 10_402) is None


def test_many_units_and_a_small_model_have_one() -> None:
    least = least_useful(cost, 10_000, 12)
    assert least is not None
    assert least < Decimal("0.1")


def test_no_noise_at_all_would_be_needed() -> None:
    assert least_useful(cost, 1, 10**12) is None
