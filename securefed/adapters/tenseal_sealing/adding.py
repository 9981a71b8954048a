"""Adding ciphertexts at the coordinator: coefficient by coefficient, modulo the ciphertexts' prime.

That is all that SEAL's own evaluator does with two ciphertexts, and a test compares the bytes; here
nothing has to be handed to SEAL and taken back. Promises that what is added is a ciphertext in
form, and that no sum is one that needs no key to be read. It holds no key.
"""

import numpy as np

from securefed.adapters.tenseal_sealing.coefficients import from_payload, to_payload
from securefed.aggregation.chunks import Words
from securefed.aggregation.fields import CIPHER_PRIME, DEGREE
from securefed.aggregation.shape import Shape
from securefed.errors import SealInvalid, SumIncomplete

_PRIME = np.uint64(CIPHER_PRIME)


class BfvAdder:
    """A ChunkAdder that holds one ciphertext a chunk."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._sums: dict[int, Words] = {}

    def check(self, index: int, payload: bytes) -> None:
        """Refuses what is no ciphertext."""
        self._shape.values(index)
        from_payload(payload)

    def add(self, index: int, payload: bytes) -> None:
        """Adds a ciphertext to its chunk."""
        self._shape.values(index)
        more = from_payload(payload)
        so_far = self._sums.get(index)
        together = more if so_far is None else _added(so_far, more)
        if not together[DEGREE:].any():
            raise SealInvalid(f"Chunk {index} cannot be added: the sum would be transparent")
        self._sums[index] = together

    def total(self, index: int) -> bytes:
        """A chunk of the sum."""
        if index not in self._sums:
            raise SumIncomplete(f"Nothing was added to chunk {index}")
        return to_payload(self._sums[index])


def _added(some: Words, others: Words) -> Words:
    # Both are below the prime, which has 60 bits. Less the prime, a smaller sum wraps to far above.
    together: Words = some + others
    return np.minimum(together, together - _PRIME, out=together)
