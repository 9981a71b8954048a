"""The grid: how far a value can be from its level, what saturates, and what is refused."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.aggregation.grid import Grid, Scaling, average, average_step, scaling_for
from securefed.domain.study import PRECISIONS
from securefed.errors import SealInvalid, UpdateUnusable

# What float64 adds to the exact bound, in steps.
TINY = 2.0**-36
REACH = Decimal("0.5")


def unit(grid: Grid, weight: int = 1, heaviest: int = 1, norm: str = "1") -> Scaling:
    return scaling_for(grid, norm=Decimal(norm), bound=Decimal(1), weight=weight, heaviest=heaviest)


finite = st.floats(-0.5, 0.5, width=32)


@given(
    st.sampled_from(PRECISIONS),
    st.lists(finite, min_size=1, max_size=30),
    st.integers(1, 1000),
    st.none() | st.integers(0, 2**32 - 1),
)
def test_a_level_is_within_half_a_step_or_one_by_chance(
    bits: int, values: list[float], weight: int, chance: int | None
) -> None:
    grid = Grid(bits=bits, reach=REACH)
    array = np.array(values, np.float32)
    chances = None if chance is None else np.full(array.size, chance, np.uint32)
    levels, saturated = unit(grid, weight, 1000).levels(array, chances)
    assert saturated == 0
    assert int(levels.max()) <= 2 * grid.half
    for level, value in zip(levels, array, strict=True):
        exact = Fraction(float(value)) * weight / 1000 * grid.half / Fraction(REACH)
        off = abs(int(level) - grid.half - exact)
        assert off <= Fraction(1, 2) + Fraction(TINY) if chance is None else off < 1 + TINY


@pytest.mark.parametrize("bits", PRECISIONS)
def test_the_bounds_and_zero_are_levels_whatever_chance_says(bits: int) -> None:
    grid = Grid(bits=bits, reach=REACH)
    values = np.array([-0.5, -0.0, 0.0, 0.5], np.float32)
    for chances in (None, np.zeros(4, np.uint32), np.full(4, 2**32 - 1, np.uint32)):
        levels, saturated = unit(grid).levels(values, chances)
        assert levels.tolist() == [0, grid.half, grid.half, 2 * grid.half]
        assert saturated == 0


def test_rounding_by_chance_is_right_on_average() -> None:
    grid = Grid(bits=8, reach=REACH)
    # Every 2^16th word in turn: the mean over all of them is off by at most one of them.
    chances = np.arange(0, 1 << 32, 1 << 16, dtype=np.uint64).astype(np.uint32)
    for value in (-0.4999, -0.1234567, 0.0001, 0.3333333):
        levels, _ = unit(grid).levels(np.full(chances.size, value, np.float32), chances)
        exact = float(np.float32(value)) / grid.step + grid.half
        assert abs(levels.astype(np.float64).mean() - exact) <= 2.0**-16 + TINY


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 7])
def test_what_is_no_finite_number_is_refused(bad: float, place: int) -> None:
    values = np.zeros(8, np.float32)
    values[place] = bad
    with pytest.raises(UpdateUnusable, match="no finite numbers"):
        unit(Grid(bits=16, reach=REACH)).levels(values, None)


def test_values_beyond_the_reach_saturate_and_are_counted() -> None:
    grid = Grid(bits=16, reach=Decimal("0.1"))
    values = np.array([0.05, 0.2, -3e38, -0.05, 0.1000001], np.float32)
    for chances in (None, np.full(5, 2**32 - 1, np.uint32)):
        levels, saturated = unit(grid).levels(values, chances)
        assert saturated == 3
        assert levels[1] >= 2 * grid.half - 1
        assert levels[2] <= 1
        assert int(levels.max()) <= 2 * grid.half


def test_a_longer_update_is_shortened_to_the_bound() -> None:
    grid = Grid(bits=16, reach=REACH)
    values = np.array([1.0, -1.0, 0.5], np.float32)
    levels, saturated = unit(grid, norm="4").levels(values, None)
    assert saturated == 0
    expected = np.floor(np.array([0.25, -0.25, 0.125]) / grid.step + grid.half + 0.5)
    assert levels.tolist() == expected.astype(int).tolist()


def test_nothing_has_no_levels() -> None:
    levels, saturated = unit(Grid(bits=16, reach=REACH)).levels(np.empty(0, np.float32), None)
    assert levels.size == 0
    assert saturated == 0


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=8),
    st.sampled_from(PRECISIONS),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_the_opened_average_is_the_plain_one_within_half_a_step_or_one_by_chance(
    weights: list[int], bits: int, by_chance: bool, seed: int
) -> None:
    grid, generator = Grid(bits=bits, reach=REACH), np.random.default_rng(seed)
    heaviest, weight = max(weights), sum(weights)
    sums, plain = np.zeros(20, np.uint64), np.zeros(20)
    for one in weights:
        values = generator.uniform(-0.5, 0.5, 20).astype(np.float32)
        chances = generator.integers(0, 1 << 32, 20, dtype=np.uint32) if by_chance else None
        sums += unit(grid, one, heaviest).levels(values, chances)[0]
        plain += values.astype(np.float64) * one / weight
    opened = average(grid, sums, contributors=len(weights), heaviest=heaviest, weight=weight)
    step = average_step(grid, contributors=len(weights), heaviest=heaviest, weight=weight)
    if len(set(weights)) == 1:
        assert step == pytest.approx(grid.step)
    assert np.abs(opened - plain).max() <= step * ((1 if by_chance else 0.5) + TINY)


def test_a_sum_that_no_contributors_can_make_is_refused() -> None:
    grid = Grid(bits=8, reach=REACH)
    most = np.array([2 * 2 * grid.half], np.uint64)
    assert average(grid, most, contributors=2, heaviest=1, weight=2).tolist() == [0.5]
    with pytest.raises(SealInvalid, match="overflowed"):
        average(grid, most + np.uint64(1), contributors=2, heaviest=1, weight=2)
