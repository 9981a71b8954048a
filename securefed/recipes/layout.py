"""In which order a model's shared weights stand in one row of numbers, the same for everybody.

Parameters stand by name, each one's numbers in their own order, all of them float32. Sites and the
coordinator agree on it by its digest, so that sums add what belongs together. Frozen parameters,
and those that stay at a site, have no place in it.

    layout = Layout.of(weights)
    row = layout.flat(weights)      # one vector; layout.parts(row) are the weights again
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from securefed.domain.canonical import Plain, digest_of, to_canonical
from securefed.domain.identifiers import Digest
from securefed.errors import ModelUnusable

LAYOUT_KIND: Final = "weights-layout"

Values: TypeAlias = NDArray[np.float32]


class Shaped(Protocol):
    """Whatever has a shape: an array or a tensor."""

    @property
    def shape(self) -> tuple[int, ...]:
        """How long it is in each dimension."""
        ...


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Names in order, and the shape of each."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if list(self.names) != sorted(set(self.names)) or len(self.names) != len(self.shapes):
            raise ValueError("a layout's names are sorted, each once and with one shape")

    @classmethod
    def of(cls, weights: Mapping[str, Shaped]) -> "Layout":
        """That of these weights."""
        names = tuple(sorted(weights))
        return cls(names=names, shapes=tuple(tuple(weights[name].shape) for name in names))

    @property
    def parameters(self) -> int:
        """How many numbers there are."""
        return sum(map(prod, self.shapes))

    @property
    def digest(self) -> Digest:
        """What stands for it."""
        pairs: list[Plain] = [
            [name, list(shape)] for name, shape in zip(self.names, self.shapes, strict=True)
        ]
        return digest_of(LAYOUT_KIND, to_canonical(pairs))

    def flat(self, weights: Mapping[str, Values]) -> Values:
        """Weights in one row."""
        for name, shape in zip(self.names, self.shapes, strict=True):
            one = weights.get(name)
            if one is None or one.shape != shape or one.dtype != np.float32:
                raise ModelUnusable(
                    f"Expected float32 weights of shape {list(shape)}", where=ascii(name)
                )
        if len(weights) != len(self.names):
            raise ModelUnusable("The weights are not those of this model")
        empty = np.empty(0, np.float32)
        return np.concatenate([empty, *(weights[name].reshape(-1) for name in self.names)])

    def parts(self, row: Values) -> dict[str, Values]:
        """The weights in a row, as views of it."""
        if row.shape != (self.parameters,):
            raise ModelUnusable(f"Expected {self.parameters} weights, not {row.size}")
        parts, begin = {}, 0
        for name, shape in zip(self.names, self.shapes, strict=True):
            end = begin + prod(shape)
            parts[name] = row[begin:end].reshape(shape)
            begin = end
        return parts

    def row_in(self, data: bytes) -> Values:
        """The row that a file holds: float32, little-endian, finite, and nothing else."""
        if len(data) != 4 * self.parameters:
            raise ModelUnusable(f"Expected {4 * self.parameters} bytes of weights, not {len(data)}")
        row = np.frombuffer(data, "<f4").astype(np.float32)
        if not np.isfinite(row).all():
            raise ModelUnusable("The weights are not all finite")
        return row


def row_bytes(row: Values) -> bytes:
    """A row as a file."""
    return row.astype("<f4", copy=False).tobytes()
