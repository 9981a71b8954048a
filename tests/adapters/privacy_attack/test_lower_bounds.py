"""Bounds from the scores of an ideal mechanism: true claims stand, false ones fall."""

from functools import cache

import numpy as np
import pytest

from securefed.adapters.odometer import Odometer
from securefed.adapters.privacy_attack.extent import mechanism
from securefed.adapters.privacy_attack.lower_bounds import DELTA, fdp_bound, trade_off
from securefed.domain.audit_bounds import (
    Guesses,
    TradeOff,
    any_refutes,
    guessed,
    one_run_bound,
)
from securefed.domain.privacy import DpSgd

pytestmark = pytest.mark.slow

CANARIES = 1000
LEVEL = 0.05
SAMPLED, WHOLE = mechanism("1.386", "0.1", 100), mechanism("4.32", "1", 16)


@cache
def claim(of: DpSgd) -> TradeOff:
    return trade_off(of, Odometer())


def ideal(of: DpSgd, chance: np.random.Generator, share: float) -> Guesses:
    """What the accounting assumes, and nothing else: Poisson draws, and normals."""
    there = chance.random(CANARIES) < 0.5
    drawn = chance.binomial(of.steps, float(of.sampling_rate), CANARIES) * there
    deviation = float(of.noise_multiplier) * of.steps**0.5
    scores = drawn + chance.normal(size=CANARIES) * deviation
    return guessed(scores[there].tolist(), scores[~there].tolist(), round(share * CANARIES))


@pytest.mark.parametrize("of", [SAMPLED, WHOLE])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.4, 1.0])
def test_a_true_claim_is_refuted_no_more_often_than_the_level(of: DpSgd, share: float) -> None:
    chance = np.random.default_rng(6)
    seen = [ideal(of, chance, share) for _ in range(100)]
    refuted = sum(any_refutes([one], claim(of), LEVEL) for one in seen)
    assert refuted <= 100 * LEVEL
    # By counting, too: a sample of the hundred, since that takes longer.
    accounted = float(Odometer().loss((of,), DELTA).epsilon)
    assert all(one_run_bound([one], float(DELTA), LEVEL) <= accounted for one in seen[:5])


@pytest.mark.parametrize(("of", "less"), [(SAMPLED, "4.2"), (WHOLE, "17.28")])
def test_a_claim_of_three_or_four_times_the_noise_is_refuted(of: DpSgd, less: str) -> None:
    chance = np.random.default_rng(7)
    false = claim(mechanism(less, str(of.sampling_rate), of.steps))
    seen = [ideal(of, chance, 0.2) for _ in range(20)]
    assert sum(any_refutes([one], false, LEVEL) for one in seen) >= 18


def test_the_bound_is_that_of_the_largest_noise_that_is_refuted() -> None:
    seen = [ideal(SAMPLED, np.random.default_rng(8), 0.1)]
    bound = fdp_bound(seen, SAMPLED, Odometer(), LEVEL)
    accounted = Odometer().loss((SAMPLED,), DELTA).epsilon
    assert 0 < bound < accounted
    assert bound > fdp_bound(seen, SAMPLED, Odometer(), LEVEL / 1000)
    blind = [Guesses(canaries=CANARIES, made=100, right=50)]
    assert fdp_bound(blind, SAMPLED, Odometer(), LEVEL) == 0
