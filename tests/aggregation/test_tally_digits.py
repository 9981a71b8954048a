"""Sums of noised tallies come back as they went in, at every precision and for every roster."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.aggregation.grid import Grid
from securefed.aggregation.tally_digits import LARGEST_TALLY, STEP, TallyDigits
from securefed.domain.study import MOST_TALLY, PRECISIONS
from securefed.errors import SealInvalid, UpdateUnusable
from tests.aggregation.round_of_sites import REACH

pytestmark = pytest.mark.slow

NUMBERS = 5
BITS = st.sampled_from(PRECISIONS)
FAR = st.floats(-1e300, 1e300)


def digits(bits: int, numbers: int = NUMBERS) -> TallyDigits:
    return TallyDigits(bits=bits, numbers=numbers)


def tallies(sites: int, seed: int) -> np.ndarray:
    """Counts of very different size with their noise, as sites have them."""
    chance = np.random.default_rng(seed)
    counts = chance.integers(0, 10 ** np.array([1, 3, 5, 6, 7]), (sites, NUMBERS))
    return counts + chance.normal(0, 3, (sites, NUMBERS))


@settings(max_examples=60, deadline=None)
@given(BITS, st.sampled_from([1, 2, 10, 1000]), st.integers(0, 2**32))
def test_the_sum_is_that_of_the_noised_tallies_within_half_a_step_a_site(
    bits: int, sites: int, seed: int
) -> None:
    one, found = digits(bits), tallies(sites, seed)
    sums = np.sum([one.levels(each) for each in found], axis=0, dtype=np.uint64)
    opened = one.summed([sums], sites)
    assert np.abs(opened - found.sum(0)).max() <= sites * STEP / 2 + 1e-6
    # And it is the sum of what each site sealed to the last bit.
    rounded = sum(one.summed([one.levels(each)], 1) for each in found)
    assert (opened == rounded).all()


@settings(max_examples=60, deadline=None)
@given(BITS, st.lists(FAR, min_size=NUMBERS, max_size=NUMBERS))
def test_whatever_a_tally_holds_its_digits_are_levels_and_it_is_cut_at_the_reach(
    bits: int, values: list[float]
) -> None:
    one, tally = digits(bits), np.array(values)
    levels = one.levels(tally)
    assert levels.size == one.count == one.each * NUMBERS
    assert levels.max() <= 2 * Grid(bits=bits, reach=REACH).half
    kept = np.clip(tally, -one.reach, one.reach)
    assert np.abs(one.summed([levels], 1) - kept).max() <= STEP / 2


@pytest.mark.parametrize("bits", PRECISIONS)
def test_a_tally_reaches_beyond_every_dataset_at_a_site(bits: int) -> None:
    assert digits(bits).reach > 33_000_000
    assert digits(bits, MOST_TALLY).count <= LARGEST_TALLY


@pytest.mark.parametrize("bits", PRECISIONS)
def test_nothing_counted_is_the_middle_of_the_grid(bits: int) -> None:
    assert set(digits(bits).levels(np.zeros(NUMBERS))) == {Grid(bits=bits, reach=REACH).half}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_finite_number_is_refused(value: float) -> None:
    tally = np.zeros(NUMBERS)
    tally[3] = value
    with pytest.raises(UpdateUnusable, match="no finite numbers"):
        digits(8).levels(tally)


@pytest.mark.parametrize("numbers", [NUMBERS - 1, NUMBERS + 1, 0])
def test_a_tally_of_another_length_is_refused(numbers: int) -> None:
    with pytest.raises(UpdateUnusable, match="A tally of 5 numbers"):
        digits(16).levels(np.zeros(numbers))


def test_sums_that_no_sites_can_make_are_refused() -> None:
    one = digits(8)
    with pytest.raises(SealInvalid, match="overflowed"):
        one.summed([one.levels(np.full(NUMBERS, one.reach)) * np.uint64(3)], 2)
    with pytest.raises(SealInvalid, match="not those of a tally"):
        one.summed([np.zeros(7, np.uint64)], 2)
