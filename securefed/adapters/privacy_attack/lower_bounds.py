"""Lower bounds on ε from the canaries of one run, beside the ε that is accounted.

Guesses are made in a few ways that are fixed beforehand, and the level is shared among them. The
f-DP bound is stated for mechanisms of the same rate and steps: the ε of the largest noise that the
guesses refute.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from typing import Final

import numpy as np

from securefed.adapters.privacy_attack.canary_run import CanaryRun
from securefed.adapters.privacy_attack.judging import judged
from securefed.domain.attack import AttackLine
from securefed.domain.audit_alarms import LEVEL
from securefed.domain.audit_bounds import (
    Guesses,
    TradeOff,
    any_refutes,
    guessed,
    one_run_bound,
)
from securefed.domain.privacy import DpSgd
from securefed.ports import Accountant

DELTA: Final = Decimal("1e-5")
CONFIDENCE: Final = 0.95
# Of all canaries.
_SHARES: Final = (0.02, 0.05, 0.1, 0.2, 0.4)
_EPSILONS: Final = tuple(Decimal(step) / 4 for step in range(61))
_HALVINGS: Final = 9
_ABOVE: Final = (
    "; the bound is above what is accounted, which chance does to one line of twenty at most: "
    "repeat the audit"
)
_PLACES: Final = Decimal("0.001")


def bound_line(run: CanaryRun, accountant: Accountant) -> AttackLine:
    """What the run's canaries show, and whether it refutes the claim itself."""
    several = guesses(run)
    accounted = accountant.loss((run.mechanism,), DELTA).epsilon
    by_trade_off = fdp_bound(several, run.mechanism, accountant, 1 - CONFIDENCE)
    by_counting = _down(one_run_bound(several, float(DELTA), 1 - CONFIDENCE))
    measured = _measured(run, accountant)
    refuted = any_refutes(several, trade_off(run.mechanism, accountant), LEVEL)
    rate = run.mechanism.sampling_rate
    return judged(
        f"canaries in one run: σ {run.mechanism.noise_multiplier}, rate {rate}, "
        f"{run.mechanism.steps} steps",
        [0.0 if refuted else 1.0],
        result=f"ε is at least {by_trade_off} (f-DP) or {by_counting} (Steinke), "
        f"{CONFIDENCE:.0%} sure, and {measured} by the scores if they are Gaussian; "
        f"accounted {accounted:.3f}, at δ {DELTA}"
        + (_ABOVE if max(by_trade_off, by_counting) > accounted else ""),
        figures={
            "canaries": Decimal(several[0].canaries),
            "delta": DELTA,
            "epsilon_accounted": accounted,
            "epsilon_at_least_fdp": by_trade_off,
            "epsilon_at_least_steinke": by_counting,
            "epsilon_if_gaussian": measured,
        },
        shows="a mechanism that is far weaker than accounted, whatever the mistake",
        cannot="prove that ε is as low as accounted: these bounds lie far below the true ε, miss "
        "half the noise, and raise an alarm only where nearly none is left",
    )


def guesses(run: CanaryRun) -> list[Guesses]:
    """The same scores, guessed from in each of the fixed ways."""
    inside, outside = run.inside.tolist(), run.outside.tolist()
    canaries = len(inside) + len(outside)
    return [guessed(inside, outside, round(share * canaries)) for share in _SHARES]


def trade_off(mechanism: DpSgd, accountant: Accountant) -> TradeOff:
    """What the accounting claims of a mechanism, at many ε."""
    deltas = accountant.profile((mechanism,), _EPSILONS)
    return TradeOff(
        pairs=tuple(
            (float(epsilon), math.nextafter(float(delta), 1.0))
            for epsilon, delta in zip(_EPSILONS, deltas, strict=True)
        )
    )


def fdp_bound(
    several: Sequence[Guesses], mechanism: DpSgd, accountant: Accountant, level: float
) -> Decimal:
    """The ε of the largest noise that is refuted; zero where 16 times the accounted is not."""

    def refuted(doublings: float) -> bool:
        return any_refutes(several, trade_off(_noisier(mechanism, 2**doublings), accountant), level)

    low, high = -3.0, 4.0
    if not refuted(high):
        return Decimal(0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if refuted(middle) else (middle, high)
    return _down(float(accountant.loss((_noisier(mechanism, 2**high),), DELTA).epsilon))


def _measured(run: CanaryRun, accountant: Accountant) -> Decimal:
    """ε by the noise and the clip that the scores seem to have."""
    noise = float(np.square(run.silent()).mean()) ** 0.5
    expected = run.mechanism.steps * float(run.mechanism.sampling_rate)
    clip = float(run.inside.mean()) / expected
    if clip <= 0:
        return Decimal(0)
    return _down(float(accountant.loss((_noisier(run.mechanism, noise / clip),), DELTA).epsilon))


def _noisier(mechanism: DpSgd, times: float) -> DpSgd:
    noise = Decimal(float(mechanism.noise_multiplier) * times).quantize(_PLACES)
    return replace(mechanism, noise_multiplier=max(noise, _PLACES))


def _down(epsilon: float) -> Decimal:
    return Decimal(epsilon).quantize(_PLACES, rounding=ROUND_FLOOR)
