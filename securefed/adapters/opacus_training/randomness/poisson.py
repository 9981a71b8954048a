"""Poisson sampling: each unit is in each draw by a chance of its own, whatever the others do.

Promises what the accounting of subsampling assumes: independent units, independent draws, and a
chance that is the rate rounded down to a multiple of 2⁻⁵³, so never above the rate. The size of a
draw is random, and it may be none at all. It does not promise that a draw fits into memory.
"""

from decimal import Decimal
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from securefed.adapters.opacus_training.randomness.stream import KeyStream
from securefed.domain.numbers import count, proportion
from securefed.errors import NumberInvalid

Indices: TypeAlias = NDArray[np.int64]

_HIGH: Final = 16
_LOW: Final = 37
_CHUNK: Final = 1 << 17


class PoissonSampler:
    """Draws from the units 0 to n-1, again and again."""

    def __init__(self, stream: KeyStream, *, units: int, rate: Decimal) -> None:
        self._stream = stream
        self._units = count("units", units)
        over, under = proportion("rate", rate).as_integer_ratio()
        threshold = (over << (_HIGH + _LOW)) // under
        if threshold == 0:
            raise NumberInvalid(f"rate is {rate}; no unit would ever be drawn")
        self._high, self._low = divmod(threshold, 1 << _LOW)

    def draw(self) -> Indices:
        """The units of one step, in order."""
        if self._high == 1 << _HIGH:
            return np.arange(self._units, dtype=np.int64)
        starts = range(0, self._units, _CHUNK)
        return np.concatenate([start + self._chosen(self._units - start) for start in starts])

    def _chosen(self, left: int) -> Indices:
        # A uniform of 53 bits is below the threshold by its first 16 bits, but for one unit in
        # 65536: only that one's other 37 bits are ever drawn.
        words = np.empty(min(_CHUNK, left), np.uint16)
        self._stream.fill(words)
        undecided = np.flatnonzero(words == self._high)
        rest = self._stream.words(undecided.size) >> np.uint64(64 - _LOW)
        inside = words < self._high
        inside[undecided] = rest < self._low
        return np.flatnonzero(inside).astype(np.int64, copy=False)
