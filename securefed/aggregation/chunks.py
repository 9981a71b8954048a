"""What a suite does with one chunk, as Protocols over words of unsigned 64-bit integers.

A chunk's index is its position in the update; every chunk is on its own, so they can be spread over
processes. An adapter checks all that it is given before its library sees it, and turns the
library's failures into `securefed.errors`. No secret is in a sealer or an adder.
"""

from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]


class ChunkSealer(Protocol):
    """Seals at a site. It holds public keys only."""

    def seal(self, index: int, words: Words) -> bytes:
        """A chunk's payload. The same words give other bytes each time where they are encrypted."""
        ...


class ChunkAdder(Protocol):
    """Adds at the coordinator, in memory of one sum whatever the number of sites."""

    def check(self, index: int, payload: bytes) -> None:
        """Refuses a payload that no sealer makes; changes nothing."""
        ...

    def add(self, index: int, payload: bytes) -> None:
        """Adds a payload to its chunk of the sum; a refused one leaves the sum as it was."""
        ...

    def total(self, index: int) -> bytes:
        """The payload of a chunk of the sum so far; refuses a chunk that nothing was added to."""
        ...


class ChunkOpener(Protocol):
    """Opens at a custodian; that the sum is complete was checked by whoever asks it to."""

    def open(self, index: int, payload: bytes) -> Words:
        """The words of a chunk of a sum, still masked where the suite masks."""
        ...


class Masks(Protocol):
    """The masks that one site shares with one custodian, or the sum of many sites' masks."""

    def words(self, index: int, count: int) -> Words:
        """The mask of each word of a chunk, uniform over 64 bits, the same whenever asked."""
        ...
