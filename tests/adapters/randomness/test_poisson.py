"""Poisson sampling is what the accounting assumes: a chance of its own for each unit and step."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.adapters.opacus_training.randomness.poisson import PoissonSampler
from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose
from securefed.errors import NumberInvalid
from tests.adapters.randomness.conftest import Opened

pytestmark = pytest.mark.slow

UNITS, DRAWS = 40, 20_000


def members(opened: Opened, rate: str) -> np.ndarray:
    """A row for each draw, a column for each unit, true where it was drawn."""
    sampler = PoissonSampler(opened(5, Purpose.SAMPLING), units=UNITS, rate=Decimal(rate))
    inside = np.zeros((DRAWS, UNITS), bool)
    for row in inside:
        row[sampler.draw()] = True
    return inside


@pytest.mark.parametrize("rate", ["0.02", "0.3", "0.95"])
def test_units_pairs_and_sizes_are_those_of_independent_coins(opened: Opened, rate: str) -> None:
    inside, q = members(opened, rate), float(rate)
    deviation = (inside - q) / (q * (1 - q)) ** 0.5
    assert abs(deviation.mean(axis=0)).max() < 4.5 / DRAWS**0.5
    together = deviation.T @ deviation / DRAWS
    assert abs(together - np.diag(together.diagonal())).max() < 6 / DRAWS**0.5
    # A unit's draw says nothing about its next one.
    assert abs((deviation[1:] * deviation[:-1]).mean(axis=0)).max() < 6 / DRAWS**0.5
    assert chi_square(inside.sum(axis=1), q) < 4.5


def chi_square(sizes: np.ndarray, q: float) -> float:
    """How many standard deviations the sizes' distribution is from the binomial one."""
    law = np.array([1.0])
    for _ in range(UNITS):
        law = np.convolve(law, [1 - q, q])
    expected, found = DRAWS * law, np.bincount(sizes, minlength=UNITS + 1)
    usual = expected >= 5
    expected = np.append(expected[usual], expected[~usual].sum())
    found = np.append(found[usual], found[~usual].sum())
    terms = (found - expected) ** 2 / np.maximum(expected, 1)
    freedom = len(terms) - 1
    return float((terms.sum() - freedom) / (2 * freedom) ** 0.5)


def test_each_unit_is_in_exactly_where_its_uniform_is_below_the_rate(opened: Opened) -> None:
    # Half way between two multiples of 2⁻¹⁶: whose first 16 bits are equal needs the others.
    rate, units, undecided = Decimal(1) / 4 + Decimal(1) / 2**17, 131_072, []
    for seed in range(20):
        stream = opened(seed)
        high = np.empty(units, np.uint16)
        stream.fill(high)
        equal = np.flatnonzero(high == 2**14)
        uniforms = high.astype(np.uint64) << np.uint64(37)
        uniforms[equal] += stream.words(equal.size) >> np.uint64(27)
        inside = uniforms < 2**51 + 2**36
        found = PoissonSampler(opened(seed), units=units, rate=rate).draw()
        assert (found == np.flatnonzero(inside)).all()
        undecided += inside[equal].tolist()
    assert 0 < sum(undecided) < len(undecided)


@given(st.decimals(min_value=Decimal("1e-15"), max_value=1, allow_nan=False, places=18))
def test_the_chance_is_the_rate_rounded_down_and_never_above(rate: Decimal) -> None:
    sampler = PoissonSampler(KeyStream(Purpose.SAMPLING), units=1, rate=rate)
    chance = Fraction((sampler._high << 37) + sampler._low, 2**53)
    assert chance <= Fraction(rate) < chance + Fraction(1, 2**53)


def test_a_rate_below_the_first_sixteen_bits_still_draws(opened: Opened) -> None:
    units, rate = 10_000_000, Decimal("0.00001")
    chosen = PoissonSampler(opened(), units=units, rate=rate).draw()
    assert abs(chosen.size - 100) < 4 * 10
    # Over all the parts in which units are gone through, in order, and nobody twice.
    assert chosen[0] < units // 10
    assert chosen[-1] > units - units // 10
    assert (np.diff(chosen) > 0).all()


def test_a_draw_may_be_empty(opened: Opened) -> None:
    sampler = PoissonSampler(opened(), units=3, rate=Decimal("0.01"))
    sizes = [sampler.draw() for _ in range(200)]
    assert {chosen.size for chosen in sizes} >= {0, 1}
    assert {chosen.dtype for chosen in sizes} == {np.dtype(np.int64)}


def test_a_rate_of_one_takes_all(opened: Opened) -> None:
    sampler = PoissonSampler(opened(), units=300_000, rate=Decimal(1))
    assert sampler.draw().tolist() == list(range(300_000))


def test_the_stream_decides_and_nothing_else(opened: Opened) -> None:
    def three(stream: KeyStream) -> list[list[int]]:
        sampler = PoissonSampler(stream, units=1000, rate=Decimal("0.1"))
        return [sampler.draw().tolist() for _ in range(3)]

    assert three(opened(1)) == three(opened(1))
    runs = [three(stream) for stream in (opened(1), opened(2), KeyStream(Purpose.SAMPLING))]
    assert len({str(chosen) for run in runs for chosen in run}) == 9


@pytest.mark.parametrize(
    ("units", "rate"),
    [
        *((0, "0.5"), (-1, "0.5"), (True, "0.5"), (10, "0"), (10, "-0.1"), (10, "1.1")),
        *((10, "NaN"), (10, "1e-16")),
    ],
)
def test_numbers_that_make_no_sampler(opened: Opened, units: int, rate: str) -> None:
    with pytest.raises(NumberInvalid):
        PoissonSampler(opened(), units=units, rate=Decimal(rate))


def test_a_float_is_no_rate(opened: Opened) -> None:
    with pytest.raises(NumberInvalid):
        PoissonSampler(opened(), units=10, rate=0.5)
