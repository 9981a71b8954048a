"""Limits on chances are never below the exact chance, and alarms come where they should."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.audit_alarms import (
    FALSE_ALARM,
    LEVEL,
    MOST_TESTS,
    central,
    mean_chance,
    product_chance,
    share_chance,
    shift_chance,
    variance_chance,
)
from securefed.domain.audit_bounds import at_least, binomial_chance


def test_all_alarms_together_stay_below_what_is_promised() -> None:
    assert MOST_TESTS * LEVEL <= FALSE_ALARM


@given(st.integers(1, 60), st.floats(0.01, 0.99), st.data())
def test_a_share_s_limit_is_above_both_tails(
    trials: int, chance: float, data: st.DataObject
) -> None:
    seen = data.draw(st.integers(0, trials))
    tails = at_least(seen, trials, chance), at_least(trials - seen, trials, 1 - chance)
    assert share_chance(seen, trials, chance) >= min(tails) * (1 - 1e-9)


@given(st.integers(1, 200), st.floats(0.001, 20))
def test_a_variance_s_limit_is_above_the_exact_tail(pairs: int, ratio: float) -> None:
    """Of an even number of squares the tail is a sum of Poisson chances."""
    half = ratio * pairs
    terms = [math.exp(-half + one * math.log(half) - math.lgamma(one + 1)) for one in range(pairs)]
    above = math.fsum(terms)
    tail = above if ratio >= 1 else 1 - above
    assert variance_chance(2 * half, 2 * pairs) >= tail - 1e-12


@given(st.integers(1, 40), st.floats(0.05, 0.95), st.integers(1, 20), st.data())
def test_a_shift_s_limit_is_above_the_exact_tail_where_there_is_no_noise(
    canaries: int, rate: float, steps: int, data: st.DataObject
) -> None:
    trials = canaries * steps
    seen = data.draw(st.integers(0, trials))
    tails = at_least(seen, trials, rate), at_least(trials - seen, trials, 1 - rate)
    assert shift_chance(float(seen), canaries, steps, rate, 1e-9) >= min(tails) * (1 - 1e-6)


@pytest.mark.parametrize("away", [0.0, 1.0, 3.0, 6.0, -6.0])
def test_a_shift_of_every_record_is_gaussian(away: float) -> None:
    canaries, steps, noise = 100, 16, 4.0
    total = canaries * steps + away * noise * math.sqrt(canaries * steps)
    chance = shift_chance(total, canaries, steps, 1.0, noise)
    assert chance >= math.erfc(abs(away) / math.sqrt(2))
    assert chance <= min(1.0, 2.01 * math.exp(-away * away / 2))


def test_products_of_independent_and_of_equal_normals() -> None:
    chance = random.Random(3)
    one, two = ([chance.gauss(0, 1) for _ in range(1000)] for _ in range(2))
    apart = sum(x * y for x, y in zip(one, two, strict=True))
    assert product_chance(apart, 1000) > 0.01
    for sign in (1, -1):
        assert product_chance(sign * sum(x * x for x in one), 1000) < LEVEL
    assert product_chance(0.0, 1000) == 1.0


def test_limits_are_kept_by_simulation() -> None:
    """At a chance that can be counted: no test is beyond 1 % in more than about 1 % of draws."""
    chance = random.Random(4)
    draws, count = 2000, 30
    beyond = {"variance": 0, "mean": 0, "product": 0}
    for _ in range(draws):
        one = [chance.gauss(0, 1) for _ in range(count)]
        two = [chance.gauss(0, 1) for _ in range(count)]
        beyond["variance"] += variance_chance(sum(x * x for x in one), count) < 0.01
        beyond["mean"] += mean_chance(sum(one), count) < 0.01
        products = sum(x * y for x, y in zip(one, two, strict=True))
        beyond["product"] += product_chance(products, count) < 0.01
    assert all(number <= 35 for number in beyond.values()), beyond
    assert beyond["mean"] > 5


@given(st.integers(1, 300), st.floats(0.01, 1), st.floats(0.05, 0.9))
def test_the_centre_has_the_chance_that_it_says(trials: int, chance: float, about: float) -> None:
    usual, inside = central(trials, chance, about)
    total = math.fsum(binomial_chance(one, trials, chance) for one in usual)
    assert inside == pytest.approx(total, abs=1e-9)
    assert inside >= about - 1e-9


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_an_alarm(value: float) -> None:
    assert variance_chance(value, 10) == 0
    assert mean_chance(value, 10) == 0
    assert product_chance(value, 10) == 0
    assert shift_chance(value, 10, 5, 0.5, 1.0) == 0


def test_no_noise_at_all_is_an_alarm() -> None:
    assert variance_chance(0.0, 1000) == 0


def test_every_record_or_not() -> None:
    assert share_chance(100, 100, 1.0) == 1.0
    assert share_chance(99, 100, 1.0) == 0.0
