"""Standard normals from a keystream, by the transform of Box and Muller in double precision.

Promises independent normals up to the grain of doubles, made from uniforms of 63 bits (none is
beyond 9.35 standard deviations, where less than 1e-20 of the true law lies), scaled before the one
rounding to the tensor's type. As with any noise in floating point, some doubles cannot come up,
which tells something about what the noise hides (Mironov 2012). `sum_of_four` makes each value from
four independent ones, so that finding those which made it is infeasible (Holohan and Braghin 2021),
at four times the cost. It does not promise the exactness of discrete noise.
"""

import math
from collections.abc import Sequence
from threading import Lock
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from securefed.adapters.opacus_training.randomness.stream import KeyStream

_Floats: TypeAlias = NDArray[np.float64]
_Part: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

# With its buffers 768 KiB, which a core keeps in its L2 cache; twice as many are hardly faster.
_PAIRS: Final = 1 << 14
_CHUNK: Final = 2 * _PAIRS
# Of a uniform before it becomes a double. Doubles are finest near 0, and there the tails come from.
_BITS: Final = 63
# Beyond these, float32 would round noise to zero, or to infinity.
_LEAST: Final = 1e-30
_MOST: Final = 1e30
# A coarser type would round the noise to a few hundred values.
_TYPES: Final = {torch.float32, torch.float64}


class NormalSource:
    """Normals on demand. It keeps none back: what a draw does not need is dropped."""

    def __init__(self, stream: KeyStream, *, sum_of_four: bool = False) -> None:
        self._stream = stream
        self._times = 4 if sum_of_four else 1
        # Two threads in the same buffers would be given the same noise.
        self._lock = Lock()
        self._words = np.empty(_CHUNK, np.uint64)
        # Apart from one another: numpy takes touching arrays for overlapping, and its slow path.
        self._radius, self._angle = np.empty(_PAIRS), np.empty(_PAIRS)
        self._cosine, self._sine = np.empty(_PAIRS), np.empty(_PAIRS)

    def draw(
        self,
        shape: Sequence[int],
        *,
        scale: float = 1.0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """A new tensor of independent normals of mean zero and this standard deviation."""
        if dtype not in _TYPES:
            raise ValueError(f"noise is drawn as float32 or float64, not as {dtype}")
        values = torch.zeros(tuple(shape), dtype=dtype)
        self.add_to(values, scale=scale)
        return values.to(device)

    def add_to(self, values: Tensor, *, scale: float = 1.0) -> None:
        """Adds independent normals to a tensor, in place, each sum rounded once to its type."""
        if values.dtype not in _TYPES:
            raise ValueError(f"noise is added to float32 or float64, not to {values.dtype}")
        if not _LEAST <= scale <= _MOST:
            raise ValueError(f"scale must be between {_LEAST} and {_MOST}, not {scale}")
        if values.device.type != "cpu" or not values.is_contiguous():
            raise ValueError("noise is added in place to what lies in one piece on the CPU")
        flat = values.detach().view(-1).numpy()
        with self._lock:
            for start in range(0, flat.size, _CHUNK):
                self._add(flat[start : start + _CHUNK], scale / math.sqrt(self._times))

    def _add(self, part: _Part, scale: float) -> None:
        half = (part.size + 1) // 2
        cosines, sines = self._pairs(half, scale)
        for _ in range(1, self._times):
            # Four pairs, one value of each: the two values of a pair share their radius.
            kept = cosines.copy(), sines.copy()
            cosines, sines = self._pairs(half, scale)
            cosines += kept[0]
            sines += kept[1]
        part[:half] += cosines
        part[half:] += sines[: part.size - half]

    def _pairs(self, half: int, scale: float) -> tuple[_Floats, _Floats]:
        words = self._words[: 2 * half]
        self._stream.fill(words)
        words >>= np.uint64(64 - _BITS)
        # As signed integers, which processors convert at once; 63 bits are never negative.
        whole = words.view(np.int64)
        radius, angle = self._radius[:half], self._angle[:half]
        np.add(whole[:half], 1.0, out=radius)
        radius *= 2.0**-_BITS
        np.log(radius, out=radius)
        radius *= -2.0 * scale * scale
        np.sqrt(radius, out=radius)
        np.multiply(whole[half:], 2 * math.pi * 2.0**-_BITS, out=angle)
        cosines = np.cos(angle, out=self._cosine[:half])
        sines = np.sin(angle, out=self._sine[:half])
        cosines *= radius
        sines *= radius
        return cosines, sines
