"""Normals from several threads at once, each with a keystream of its own.

Promises the same as one source: a part of a tensor is filled by one source alone, and no two share
a stream. Small tensors are left to the first. There are as many threads as torch computes with.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import torch
from torch import Tensor

from securefed.adapters.opacus_training.randomness.normals import NormalSource
from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose

# Below this a second thread takes longer to begin than it helps.
_WORTH: Final = 1 << 17


class ParallelNormals:
    """Adds independent normals to tensors."""

    def __init__(self, sources: Sequence[NormalSource]) -> None:
        if not sources:
            raise ValueError("there is no source of normals")
        self._sources = tuple(sources)
        self._threads = ThreadPoolExecutor(max(len(sources) - 1, 1), "securefed-noise")

    @classmethod
    def opened(cls, *, sum_of_four: bool = False) -> "ParallelNormals":
        """Sources with new keystreams, one for each thread of torch's."""
        return cls(
            [
                NormalSource(KeyStream(Purpose.NOISE), sum_of_four=sum_of_four)
                for _ in range(torch.get_num_threads())
            ]
        )

    def add_to(self, values: Tensor, *, scale: float) -> None:
        """Adds independent normals of mean zero and this standard deviation, in place."""
        if values.device.type != "cpu" or not values.is_contiguous():
            drawn = torch.zeros(values.shape, dtype=values.dtype)
            self.add_to(drawn, scale=scale)
            values += drawn.to(values.device)
            return
        parts = min(len(self._sources), values.numel() // _WORTH)
        if parts < 2:
            self._sources[0].add_to(values, scale=scale)
            return
        first, *others = values.detach().view(-1).tensor_split(parts)
        begun = [
            self._threads.submit(source.add_to, part, scale=scale)
            for source, part in zip(self._sources[1:], others, strict=False)
        ]
        self._sources[0].add_to(first, scale=scale)
        for one in begun:
            one.result()
