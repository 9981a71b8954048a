"""Direct tests of canary runs: the noise, what one record adds, who was drawn, and the gate.

Sharper than any bound on ε: each compares with the very numbers that the accounting uses, so half
the noise or another sampling shows at once. They see mistakes of the engine on these records, and
nothing of what it might do on others.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from securefed.adapters.privacy_attack.canary_run import CanaryRun
from securefed.adapters.privacy_attack.engine import Floats
from securefed.adapters.privacy_attack.judging import certain, figure, judged
from securefed.domain.attack import AttackLine
from securefed.domain.audit_alarms import (
    LEVEL,
    central,
    mean_chance,
    product_chance,
    share_chance,
    shift_chance,
    variance_chance,
)

# Of the likeliest numbers; a share near a third tells too few from too many.
_CENTRE = 0.3
_NOT_OTHERWISE = "whether the engine does the same on other records"


def direct_lines(runs: Sequence[CanaryRun]) -> list[AttackLine]:
    """Every direct test, over all runs."""
    return [
        _noise(runs),
        _fresh(runs),
        _contribution(runs),
        _numbers_drawn(runs),
        _who_is_drawn(runs),
        _gate(runs),
    ]


def _noise(runs: Sequence[CanaryRun]) -> AttackLine:
    heard = [run.silent() for run in runs]
    chances = [variance_chance(_squares(one), one.size) for one in heard]
    chances += [mean_chance(float(one.sum()), one.size) for one in heard]
    ratios = [math.sqrt(_squares(one) / one.size) for one in heard]
    tested = [run.released.noise_variance for run in runs]
    return judged(
        "noise of the released weights",
        chances,
        result=f"{_range(ratios)} times the noise that is accounted, in {_weights(heard)}; "
        f"{_range(tested)} times its variance in the self-tests",
        figures={
            "noise_least": figure(min(ratios)),
            "noise_most": figure(max(ratios)),
            "self_test_variance_least": figure(min(tested)),
            "self_test_variance_most": figure(max(tested)),
        },
        shows=f"noise that is too low by {_findable(heard):.0%} or more; steps that were not "
        "charged; noise that is repeated within a run",
        cannot=f"exclude noise that somebody else knows, or say {_NOT_OTHERWISE}",
    )


def _fresh(runs: Sequence[CanaryRun]) -> AttackLine:
    pairs = list(combinations([run.idle / run.noise for run in runs], 2))
    products = [float((one * two).sum()) for one, two in pairs]
    alike = [product / one.size for product, (one, _) in zip(products, pairs, strict=True)]
    return judged(
        "noise of one run against another's",
        [product_chance(product, runs[0].idle.size) for product in products],
        result=f"correlation {_range(alike)} over {len(pairs)} pairs of runs",
        figures={"correlation_most": figure(max(map(abs, alike)))},
        shows="noise from a seed that two runs share: it could be subtracted",
        cannot="show that nobody else knows the noise",
    )


def _contribution(runs: Sequence[CanaryRun]) -> AttackLine:
    chances, ratios = [], []
    for run in runs:
        steps, rate = run.mechanism.steps, float(run.mechanism.sampling_rate)
        noise = float(run.mechanism.noise_multiplier)
        total = float(run.inside.sum())
        chances.append(shift_chance(total, run.inside.size, steps, rate, noise))
        ratios.append(total / (run.inside.size * steps * rate))
    largest = max(run.released.largest_contribution for run in runs)
    return judged(
        "what one loud record adds",
        chances,
        result=f"{_range(ratios)} clips a draw in the weights; {largest:.4f} in the self-test",
        figures={
            "clips_least": figure(min(ratios)),
            "clips_most": figure(max(ratios)),
            "self_test_largest": figure(largest),
        },
        shows="a clip that is not applied, records drawn more often than the rate, steps that were "
        "not charged",
        cannot=f"say {_NOT_OTHERWISE}, or with another model",
    )


def _numbers_drawn(runs: Sequence[CanaryRun]) -> AttackLine:
    chances, shares = [], []
    for there, rate in _draws(runs):
        steps, units = there.shape
        usual, chance = central(units, rate, _CENTRE)
        chances.append(share_chance(int(there.sum()), there.size, rate))
        chances.append(share_chance(_within(there.sum(1), usual), steps, chance))
        shares.append(float(there.mean()) / rate)
    return judged(
        "how many records a step draws",
        chances or [0.0],
        result=f"{_range(shares)} times the rate; {_least(chances)}",
        shows="another rate, every record in every step, batches of a fixed size",
        cannot="show that what is drawn is what is used; what a record adds does",
    )


def _who_is_drawn(runs: Sequence[CanaryRun]) -> AttackLine:
    chances = []
    for there, rate in _draws(runs):
        steps, units = there.shape
        usual, chance = central(steps, rate, _CENTRE)
        chances.append(share_chance(_within(there.sum(0), usual), units, chance))
        if steps > 1:
            even = there[: steps // 2 * 2]
            again = int((even[::2] & even[1::2]).sum())
            chances.append(share_chance(again, even.size // 2, rate * rate))
    twice = sum(int((run.witness.reads() > 1).sum()) for run in runs)
    return judged(
        "who is drawn, step after step",
        [*chances, 0.0] if twice or not chances else chances,
        result=f"{twice} times a record twice in one step; {_least(chances)}",
        shows="shuffled epochs, a subset that is always the same, draws that depend on each other",
        cannot="find a generator that somebody else can predict",
    )


def _gate(runs: Sequence[CanaryRun]) -> AttackLine:
    faults = []
    for run in runs:
        granted = list(range(1, run.mechanism.steps + 1))
        if run.witness.passed != granted or run.witness.finished != granted:
            faults.append(
                f"{len(run.witness.finished)} steps were taken and {len(run.witness.passed)} asked "
                f"for, of {len(granted)}"
            )
        if run.witness.read_early:
            faults.append(f"{run.witness.read_early} records were read before the first charge")
    steps = sum(run.mechanism.steps for run in runs)
    return certain(
        "every step asks the gate",
        faults,
        fine=f"{steps} steps, each asked for before any record was read for it",
        shows="steps that the engine counts and does not ask for, records read uncharged",
        cannot="find a step that is not counted; the noise and the contributions do",
    )


def _squares(values: Floats) -> float:
    return float(np.square(values).sum())


def _draws(runs: Sequence[CanaryRun]) -> Iterator[tuple[NDArray[np.bool_], float]]:
    """Who was drawn in which step, and the rate, for every run whose gate was asked at all."""
    for run in runs:
        if run.witness.passed:
            yield run.witness.reads() > 0, float(run.mechanism.sampling_rate)


def _within(numbers: NDArray[np.int64], usual: range) -> int:
    return int(((numbers >= usual.start) & (numbers < usual.stop)).sum())


def _least(chances: Sequence[float]) -> str:
    if not chances:
        return "the gate was never asked"
    return f"the least likely of {len(chances)} tests has a chance of up to {min(chances):.2g}"


def _findable(heard: Sequence[Floats]) -> float:
    """By what share noise must be too low to be found in each run, give or take its chance."""
    return math.sqrt(math.log(2 / LEVEL) / min(one.size for one in heard))


def _weights(heard: Sequence[Floats]) -> str:
    return f"{sum(one.size for one in heard)} weights of {len(heard)} runs"


def _range(values: Sequence[float]) -> str:
    if not values:
        return "no draws seen, so none"
    return f"{min(values):.3f} to {max(values):.3f}"
