"""A site's noised tally as levels of the seal's grid, and the sum of all sites' tallies again.

The update's grid is far too coarse for a tally: its reach is that of a weight, and 8 bits count to
254. So each number, in steps of 1/64, is written with a few digits, and each digit is a level.
Adding levels adds digits, and sums of digits give back the sum of the numbers without any error.
Promises that a number is off by at most 1/128, which no noise of a policy is as small as; that one
beyond 33 million is cut there; and that NaN and infinity are refused. Weights play no part here: a
tally counts units, and a sum of tallies is that of all units.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from securefed.aggregation.grid import Floats, Levels
from securefed.domain.study import MOST_TALLY
from securefed.errors import SealInvalid, UpdateUnusable

# The steps of a tally, and how far it can go with each precision: 2^32 steps or a little less.
STEP = 1 / 64
_DIGITS = {8: 4, 12: 3, 16: 2}
# The most levels that any tally takes.
LARGEST_TALLY = MOST_TALLY * max(_DIGITS.values())
_Whole: TypeAlias = NDArray[np.int64]


def tally_of(numbers: Iterable[Decimal]) -> Floats:
    """A tally as a run states it; what is too large for a float is infinite, and refused later."""
    return np.array([float(one) for one in numbers], np.float64)


@dataclass(frozen=True, kw_only=True)
class TallyDigits:
    """How a tally of so many numbers is written at a precision."""

    bits: int
    numbers: int

    @property
    def each(self) -> int:
        """How many levels a number takes."""
        return _DIGITS[self.bits]

    @property
    def count(self) -> int:
        """How many levels a whole tally takes."""
        return self.each * self.numbers

    @property
    def reach(self) -> float:
        """The largest number there is."""
        return self._middle * STEP

    def levels(self, tally: Floats) -> Levels:
        """A tally's levels: the lowest digits of all numbers first, then the next, and so on."""
        if tally.shape != (self.numbers,):
            raise UpdateUnusable(f"A tally of {self.numbers} numbers is sealed, not {tally.size}")
        if not np.isfinite(tally).all():
            raise UpdateUnusable("The tally has values that are no finite numbers")
        kept = np.clip(tally, -self.reach, self.reach)
        rest: _Whole = np.rint(kept / STEP).astype(np.int64) + self._middle
        digits = np.empty((self.each, self.numbers), np.uint64)
        for place in range(self.each):
            digits[place] = rest % self._base
            rest //= self._base
        return digits.ravel()

    def summed(self, parts: Sequence[Levels], contributors: int) -> Floats:
        """The sum of the tallies whose levels sum to these, which lie in several chunks."""
        sums = np.concatenate(parts)
        if sums.shape != (self.count,):
            raise SealInvalid(f"{sums.size} levels are not those of a tally of {self.numbers}")
        if sums.size and int(sums.max()) > contributors * (self._base - 1):
            raise SealInvalid("A sum is larger than its contributors can make it: one overflowed")
        digits = sums.astype(np.int64).reshape(self.each, self.numbers)
        steps = np.full(self.numbers, -contributors * self._middle, np.int64)
        for place in range(self.each):
            steps += digits[place] * self._base**place
        return steps * STEP

    @property
    def _base(self) -> int:
        """As many levels as the grid has: 0 to 2·half."""
        return (1 << self.bits) - 1

    @property
    def _middle(self) -> int:
        """What stands for zero: the base is odd, so it lies in the middle."""
        return (int(self._base**self.each) - 1) // 2
