"""Values to levels and back: an odd number of levels over [-reach, reach], zero among them.

Promises that a level is off by at most half a step when rounded to the nearest, and by less than
one step, and by nothing on average, when rounded by chance: up to the rounding of float64, which is
below 2^-36 of a step. Values beyond the reach saturate and are counted; NaN and infinity are
refused. It draws no randomness: whoever rounds by chance brings secure words.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from securefed.errors import SealInvalid, UpdateUnusable

Values: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]
Chances: TypeAlias = NDArray[np.uint32]
Levels: TypeAlias = NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The levels 0 to 2·half; `half` stands for zero, and one step is reach/half."""

    bits: int
    reach: Decimal

    @property
    def half(self) -> int:
        """The level of zero."""
        return (1 << (self.bits - 1)) - 1

    @property
    def step(self) -> float:
        """The distance of two levels."""
        return float(self.reach) / self.half


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How a site brings its values onto the grid: shortened to the bound, weighted by its share.

    `shorten` is bound/norm for an update longer than the bound, else 1. `share` is the site's
    weight over the heaviest one's, in (0, 1]."""

    grid: Grid
    shorten: float
    share: float

    def levels(self, values: Values, chances: Chances | None) -> tuple[Levels, int]:
        """The values' levels and how many saturated. Without chances, to the nearest level.

        A weighted value x lies y = x·half/reach steps from zero. Its level is the whole part of
        y + half + u, with u = 1/2, or u uniform in [0, 1). So its distance from y + half is at most
        1/2, or below 1 with mean zero. Nothing is negative, so cutting the fraction off is floor,
        and the highest value has 2·half + u, which is below 2·half + 1."""
        inside, saturated = self._clipped(values)
        raised = np.multiply(inside, self.shorten * self.share / self.grid.step, dtype=np.float64)
        if chances is None:
            raised += self.grid.half + 0.5
        else:
            raised += self.grid.half
            raised += np.multiply(chances, 2.0**-32, dtype=np.float64)
        # By way of signed integers, which processors convert at once; nothing is negative.
        return raised.astype(np.int64).view(np.uint64), saturated

    def _clipped(self, values: Values) -> tuple[Values, int]:
        if not values.size:
            return values, 0
        limit = float(self.grid.reach) / self.shorten
        # NaN is neither inside nor outside, so it fails this, too.
        if -limit <= float(values.min()) and float(values.max()) <= limit:
            return values, 0
        if not np.isfinite(values).all():
            raise UpdateUnusable("The update has values that are no finite numbers")
        beyond = np.abs(values.astype(np.float64)) > limit
        # The largest float32 inside, so that what saturates does not round to beyond the grid.
        most = np.float32(limit)
        most = most if float(most) <= limit else np.nextafter(most, np.float32(0))
        return np.clip(values, -most, most), int(np.count_nonzero(beyond))


def scaling_for(
    grid: Grid, *, norm: Decimal, bound: Decimal, weight: int, heaviest: int
) -> Scaling:
    """The scaling of a site whose update has this norm and weight."""
    shorten = 1.0 if norm <= bound else float(bound / norm)
    return Scaling(grid=grid, shorten=shorten, share=weight / heaviest)


def average(grid: Grid, sums: Levels, *, contributors: int, heaviest: int, weight: int) -> Floats:
    """The weighted average that sums of levels stand for.

    With m contributors of weights w that sum to W, the plain average of the clipped values is the
    sum of w·x over W. Each level is off by at most half a step (or less than one, by chance), so
    the average is off by at most m·heaviest/W of that: half a step (or one) where all weights are
    equal. `average_step` is the step by which this holds for any weights."""
    if sums.size and int(sums.max()) > contributors * 2 * grid.half:
        raise SealInvalid("A sum is larger than its contributors can make it: one overflowed")
    centred = sums.astype(np.int64) - contributors * grid.half
    return centred * (grid.step * heaviest / weight)


def average_step(grid: Grid, *, contributors: int, heaviest: int, weight: int) -> float:
    """The step of an opened average: it is off by half of it at most, or by one, by chance."""
    return grid.step * contributors * heaviest / weight
