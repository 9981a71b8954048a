"""How likely a right engine is to look so wrong: limits on chances, and when to raise an alarm.

Each function gives a number that the chance of so large a deviation, to either side, does not
exceed. Promises true limits, by Chernoff's method, and not approximations: they hold for few
observations too, and far out in the tails, where an alarm's level lies. A limit is never sharp, so
small deviations are not told from none.
"""

import math
from collections.abc import Callable
from typing import Final

from securefed.domain.audit_bounds import binomial_chance

# A whole audit raises a false alarm with at most the first chance, so each of its tests with at
# most the second. As many tests as that allows are enough for an audit.
FALSE_ALARM: Final = 1e-6
LEVEL: Final = 1e-8
MOST_TESTS: Final = 100

_STEPS = 200
_FARTHEST = 50.0


def variance_chance(squares: float, count: int) -> float:
    """Of a sum of squares of independent standard normals."""
    if not (math.isfinite(squares) and squares > 0):
        return 0.0
    ratio = squares / count
    return _both(-count / 2 * (ratio - 1 - math.log(ratio)))


def mean_chance(total: float, count: int) -> float:
    """Of a sum of independent standard normals."""
    return math.erfc(abs(total) / math.sqrt(2 * count)) if math.isfinite(total) else 0.0


def product_chance(products: float, count: int) -> float:
    """Of a sum of products of independent standard normals, two by two.

    E exp(s·x·y) is 1/√(1-s²)."""
    if not math.isfinite(products):
        return 0.0
    each = abs(products) / count
    if each == 0:
        return 1.0
    best = (math.sqrt(1 + 4 * each * each) - 1) / (2 * each)
    return _both(-count * (best * each + math.log1p(-best * best) / 2))


def share_chance(successes: int, trials: int, chance: float) -> float:
    """Of a number of successes in independent trials of one chance."""
    share = successes / trials
    return _both(-trials * (_part(share, chance) + _part(1 - share, 1 - chance)))


def shift_chance(total: float, canaries: int, steps: int, rate: float, noise: float) -> float:
    """Of the sum of what canaries received: each in each step one clip with the rate's chance, and
    normals of the noise's deviation."""
    if not math.isfinite(total):
        return 0.0
    times = canaries * steps
    away = total / times - rate
    sign = 1 if away >= 0 else -1

    def exponent(tilt: float) -> float:
        drawn = math.log1p(rate * math.expm1(sign * tilt))
        return drawn + (tilt * noise) ** 2 / 2 - sign * tilt * total / times

    return _both(times * _least(exponent, _FARTHEST))


def central(trials: int, chance: float, about: float) -> tuple[range, float]:
    """The numbers of successes around the likeliest whose chance together is at least `about`, and
    that chance."""
    low = high = min(trials, int((trials + 1) * chance))
    total = binomial_chance(low, trials, chance)
    while total < about:
        below, above = (
            binomial_chance(low - 1, trials, chance),
            binomial_chance(high + 1, trials, chance),
        )
        if below == above == 0:
            break
        if below >= above:
            low, total = low - 1, total + below
        else:
            high, total = high + 1, total + above
    return range(low, high + 1), min(total, 1.0)


def _part(share: float, chance: float) -> float:
    if share == 0:
        return 0.0
    return math.inf if chance == 0 else share * math.log(share / chance)


def _both(exponent: float) -> float:
    return min(1.0, 2 * math.exp(min(exponent, 0.0)))


def _least(convex: Callable[[float], float], farthest: float) -> float:
    """The smallest value found; any would be a limit, this one is near the best."""
    low, high = 0.0, farthest
    for _ in range(_STEPS):
        one, two = low + (high - low) / 3, high - (high - low) / 3
        if convex(one) <= convex(two):
            high = two
        else:
            low = one
    return convex((low + high) / 2)
