"""A true claim is refuted no more often than stated; a false one is refuted."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.audit_bounds import (
    Guesses,
    TradeOff,
    any_refutes,
    at_least,
    guessed,
    one_run_bound,
    one_run_chance,
    refutes,
    share_bounds,
)


def cdf(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def gaussian(mu: float) -> TradeOff:
    """What a Gaussian mechanism allows, exactly, at many ε (Dong, Roth, Su 2022)."""
    pairs = []
    for step in range(120):
        epsilon = step / 8
        delta = cdf(mu / 2 - epsilon / mu) - math.exp(epsilon) * cdf(-mu / 2 - epsilon / mu)
        pairs.append((epsilon, max(delta, 0.0)))
    return TradeOff(pairs=tuple(pairs))


def responses(epsilon: float) -> TradeOff:
    return TradeOff(pairs=((epsilon, 0.0),))


def test_the_halves_are_called_by_their_scores() -> None:
    inside, outside = [3.0, 2.0, -1.0], [0.0, -2.0, 2.5]
    assert guessed(inside, outside, 2) == Guesses(canaries=6, made=2, right=2)
    assert guessed(inside, outside, 4) == Guesses(canaries=6, made=4, right=2)
    assert guessed(inside, outside, 7).made == 6


@pytest.mark.parametrize("wrong", [(1, 2, 0), (2, 1, 2), (2, 2, -1)])
def test_impossible_guesses_are_refused(wrong: tuple[int, int, int]) -> None:
    canaries, made, right = wrong
    with pytest.raises(ValueError, match="impossible"):
        Guesses(canaries=canaries, made=made, right=right)


@given(st.integers(0, 30), st.integers(0, 32), st.integers(0, 100))
def test_a_tail_is_the_exact_sum(trials: int, least: int, percent: int) -> None:
    chance = Fraction(percent, 100)
    exact = sum(
        math.comb(trials, one) * chance**one * (1 - chance) ** (trials - one)
        for one in range(least, trials + 1)
    )
    assert at_least(least, trials, percent / 100) == pytest.approx(float(exact), abs=1e-12)


# From the beta distribution's quantiles.
@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 20, 0.0, 0.16843347),
        (5, 20, 0.08657147, 0.49104587),
        (20, 20, 0.83156653, 1.0),
        (3, 300, 0.00206701, 0.02894451),
    ],
)
def test_intervals_of_shares(successes: int, trials: int, low: float, high: float) -> None:
    assert share_bounds(successes, trials, 0.05) == pytest.approx((low, high), abs=1e-7)


@given(st.integers(1, 200), st.floats(0.01, 6), st.data())
def test_randomised_response_never_exceeds_its_own_claim(
    canaries: int, epsilon: float, data: st.DataObject
) -> None:
    """It is as bad as a claim of (ε, 0) allows, and its law is known exactly."""
    right = data.draw(st.integers(0, canaries))
    true = at_least(right, canaries, 1 / (1 + math.exp(-epsilon)))
    seen = Guesses(canaries=canaries, made=canaries, right=right)
    assert not refutes(seen, responses(epsilon), true * (1 - 1e-9))
    assert one_run_chance(seen, epsilon, 0.0) >= true * (1 - 1e-9)


@pytest.mark.parametrize(("epsilon", "right"), [(0.5, 80), (2.0, 97), (4.0, 100)])
def test_against_randomised_response_the_bounds_are_sharp(epsilon: float, right: int) -> None:
    true = at_least(right, 100, 1 / (1 + math.exp(-epsilon)))
    seen = Guesses(canaries=100, made=100, right=right)
    assert refutes(seen, responses(epsilon), true * 1.05)
    assert one_run_chance(seen, epsilon, 0.0) == pytest.approx(true, rel=1e-9)


@given(st.integers(1, 200), st.floats(0.1, 4), st.data())
def test_a_gaussian_mechanism_never_exceeds_its_own_claim(
    canaries: int, mu: float, data: st.DataObject
) -> None:
    """Every canary guessed by which side of the middle its score lies on."""
    right = data.draw(st.integers(0, canaries))
    true = at_least(right, canaries, cdf(mu / 2))
    seen = Guesses(canaries=canaries, made=canaries, right=right)
    assert not refutes(seen, gaussian(mu), true * (1 - 1e-9))


def test_a_claim_of_little_is_refuted_by_many_right_guesses() -> None:
    seen = Guesses(canaries=1000, made=200, right=200)
    assert refutes(seen, gaussian(0.5), 1e-8)
    assert not refutes(seen, gaussian(5.0), 0.05)
    assert any_refutes([Guesses(canaries=1000, made=10, right=5), seen], gaussian(0.5), 1e-8)


def test_fewer_pairs_claim_less() -> None:
    seen = Guesses(canaries=500, made=100, right=85)
    levels = [10.0**-power for power in range(1, 12)]
    whole = gaussian(1.0)
    part = TradeOff(pairs=whole.pairs[::20])
    for level in levels:
        assert refutes(seen, whole, level) or not refutes(seen, part, level)


def test_no_guess_and_no_right_guess_refute_nothing() -> None:
    for seen in (Guesses(canaries=9, made=0, right=0), Guesses(canaries=9, made=8, right=0)):
        assert not refutes(seen, responses(0.01), 0.5)
        assert one_run_bound([seen], 1e-5, 0.05) == 0


def test_the_bound_by_counting() -> None:
    seen = Guesses(canaries=1000, made=100, right=90)
    bound = one_run_bound([seen], 1e-5, 0.05)
    assert one_run_chance(seen, bound, 1e-5) <= 0.05 < one_run_chance(seen, bound + 0.01, 1e-5)
    # Whoever guesses twice pays for it, and a larger δ allows more.
    assert one_run_bound([seen, seen], 1e-5, 0.05) < bound
    assert one_run_bound([seen], 1e-3, 0.05) < bound
    assert one_run_bound([seen], 1e-5, 0.01) < bound
