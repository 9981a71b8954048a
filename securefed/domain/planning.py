"""Accounting turned around: how much noise, how many rounds, how large a sample fit an ε.

`Cost` is an accountant's tight figure at a fixed δ. It falls with noise and grows with steps and
sampling, so each question is answered by bisection, and the answer is checked against the ε that it
was asked for: what is returned fits. Answers are on a coarse grid that people can type; the true
optimum is at most one grid step better.

Whether an ε is of any use is a second question. `signal` compares the largest sum that clipped
contributions can have with the noise added to it. Below one, even records that all agree drown.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeAlias

from securefed.domain.privacy import DpSgd, Mechanism

Cost: TypeAlias = Callable[[tuple[Mechanism, ...]], Decimal]

LEAST_NOISE, MOST_NOISE = Decimal("0.2"), Decimal(1000)
LEAST_RATE = Decimal("0.00001")
MOST_ROUNDS = 10_000
LARGEST_USEFUL = Decimal(10)
_CLOSE = Decimal("1.005")
# A search steps down from the bound by halves until the tight figure no longer fits.
_TIGHTER = Decimal("0.5")


@dataclass(frozen=True, kw_only=True)
class PlannedRound:
    """What one round does: its training, and whatever else it releases."""

    training: DpSgd
    others: tuple[Mechanism, ...] = ()

    def times(self, rounds: int) -> tuple[Mechanism, ...]:
        """What that many rounds do."""
        return tuple(one.repeated(one.times * rounds) for one in (self.training, *self.others))

    def with_noise(self, noise: Decimal) -> "PlannedRound":
        """The round with another noise multiplier in its training."""
        return replace(self, training=replace(self.training, noise_multiplier=noise))

    def with_rate(self, rate: Decimal) -> "PlannedRound":
        """The round with another sampling rate in its training."""
        return replace(self, training=replace(self.training, sampling_rate=rate))


@dataclass(frozen=True, kw_only=True)
class Point:
    """ε after a number of rounds."""

    rounds: int
    epsilon: Decimal


@dataclass(frozen=True, kw_only=True)
class Costs:
    """A tight figure that is slow to have, and a bound on it from above that is quick.

    What fits by the bound fits by the figure too, so a search begins where the bound ends."""

    tight: Cost
    quick: Cost


def noise_for(costs: Costs, one: PlannedRound, rounds: int, target: Decimal) -> Decimal | None:
    """The least noise multiplier, to three digits, at which the rounds cost at most the target."""
    return _sought(costs, rounds, target, one.with_noise, MOST_NOISE / LEAST_NOISE, LEAST_NOISE)


def rate_for(costs: Costs, one: PlannedRound, rounds: int, target: Decimal) -> Decimal | None:
    """The largest sampling rate, to three digits, at which the rounds cost at most the target."""

    def sampled(inverse: Decimal) -> PlannedRound:
        return one.with_rate(_rate(inverse))

    inverse = _sought(costs, rounds, target, sampled, 1 / LEAST_RATE, Decimal(1))
    return None if inverse is None else _rate(inverse)


def rounds_for(costs: Costs, one: PlannedRound, target: Decimal) -> int:
    """The most rounds that cost at most the target; zero where not even one does."""
    start = _most_rounds(costs.quick, one, target, 0)
    return _most_rounds(costs.tight, one, target, start)


def curve(cost: Cost, one: PlannedRound, rounds: int, points: int = 10) -> tuple[Point, ...]:
    """ε after evenly spaced numbers of rounds, the first and the last among them."""
    spaced = {max(1, round(rounds * step / points)) for step in range(points + 1)}
    return tuple(Point(rounds=at, epsilon=cost(one.times(at))) for at in sorted({1, *spaced}))


def signal(training: DpSgd, rounds: int, units: int, parameters: int) -> float:
    """The largest possible sum of clipped contributions over all steps, in units of its noise."""
    steps = training.steps * rounds
    noise = float(training.noise_multiplier) * math.sqrt(parameters * steps)
    return float(training.sampling_rate) * units * steps / noise


def least_useful(cost: Cost, units: int, parameters: int) -> Decimal | None:
    """The least ε at which the signal can exceed the noise, however the training is arranged.

    One step over all units is the arrangement with the largest signal for its ε. None where that
    takes more than ε = 10, which protects nobody."""
    noise = Decimal(units / math.sqrt(parameters)).quantize(Decimal("0.0001"), "ROUND_FLOOR")
    if noise <= 0:
        return None
    whole = DpSgd.full_batch(noise)
    epsilon = cost((whole,))
    return epsilon if epsilon <= LARGEST_USEFUL else None


def _sought(
    costs: Costs,
    rounds: int,
    target: Decimal,
    made: Callable[[Decimal], PlannedRound],
    reach: Decimal,
    low: Decimal,
) -> Decimal | None:
    """The least value from `low` up of which a round is made that costs at most the target."""

    def fits(cost: Cost) -> Callable[[Decimal], bool]:
        return lambda value: cost(made(value).times(rounds)) <= target

    high = low * reach
    enough = _least(fits(costs.quick), low, high)
    if enough is None:
        return _least(fits(costs.tight), low, high)
    while enough > low and fits(costs.tight)(max(low, enough * _TIGHTER)):
        enough = max(low, enough * _TIGHTER)
    return _least(fits(costs.tight), max(low, enough * _TIGHTER), enough)


def _most_rounds(cost: Cost, one: PlannedRound, target: Decimal, good: int) -> int:
    bad = good + max(1, good // 4)
    while bad <= MOST_ROUNDS and cost(one.times(bad)) <= target:
        good, bad = bad, bad * 2
    bad = min(bad, MOST_ROUNDS + 1)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if cost(one.times(middle)) <= target else (good, middle)
    return good


def _least(fits: Callable[[Decimal], bool], low: Decimal, high: Decimal) -> Decimal | None:
    """The least value between two that fits, if a larger value always fits better."""
    if fits(low):
        return low
    if not fits(high):
        return None
    while high / low > _CLOSE:
        middle = (low * high).sqrt()
        low, high = (low, middle) if fits(middle) else (middle, high)
    for value in (_three_digits(low), _three_digits(high)):
        if value >= low and fits(value):
            return value
    return high


def _three_digits(value: Decimal) -> Decimal:
    grain = Decimal(1).scaleb(value.adjusted() - 2)
    return (value / grain).to_integral_value("ROUND_CEILING") * grain


def _rate(inverse: Decimal) -> Decimal:
    rate = 1 / inverse
    return rate.quantize(Decimal(1).scaleb(rate.adjusted() - 2), "ROUND_FLOOR")
