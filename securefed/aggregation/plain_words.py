"""Words as they are, in eight little-endian bytes each: what the suite `mask` sends and adds.

It hides nothing itself: it goes under a `MaskedSealer`, whose words are uniform. Adding is modulo
2^64. Promises exact lengths, and that what is refused leaves the sum as it was.
"""

import numpy as np

from securefed.aggregation.chunks import Words
from securefed.aggregation.shape import Shape
from securefed.errors import SealInvalid, SumIncomplete

_LITTLE = np.dtype("<u8")


class PlainWords:
    """A ChunkSealer and a ChunkOpener that change nothing but the form."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def seal(self, index: int, words: Words) -> bytes:
        """The bytes of a chunk's words."""
        if words.size != self._shape.slots(index):
            raise SealInvalid(f"Chunk {index} has {words.size} words to seal")
        return words.astype(_LITTLE, copy=False).tobytes()

    def open(self, index: int, payload: bytes) -> Words:
        """The words of a chunk's bytes."""
        if len(payload) != self._shape.payload_bytes(index):
            raise SealInvalid(f"Chunk {index} has {len(payload)} bytes")
        return np.frombuffer(payload, _LITTLE).astype(np.uint64, copy=False)


class WordAdder:
    """A ChunkAdder modulo 2^64."""

    def __init__(self, shape: Shape) -> None:
        self._plain = PlainWords(shape)
        self._sums: dict[int, Words] = {}

    def check(self, index: int, payload: bytes) -> None:
        """Refuses a payload of another length."""
        self._plain.open(index, payload)

    def add(self, index: int, payload: bytes) -> None:
        """Adds a payload to its chunk."""
        words = self._plain.open(index, payload)
        if index in self._sums:
            self._sums[index] += words
        else:
            self._sums[index] = words.copy()

    def total(self, index: int) -> bytes:
        """A chunk of the sum."""
        if index not in self._sums:
            raise SumIncomplete(f"Nothing was added to chunk {index}")
        return self._plain.seal(index, self._sums[index])
