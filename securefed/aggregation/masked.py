"""Masks on words: a site adds its own, the custodian gives out only their sum, and it comes off.

Everything is modulo the packing's power of two, so a masked word alone is uniform and says nothing,
and the masks of a sum cancel exactly. Where a site dropped out its masks are in neither sum: the
custodian adds up those of the sites that are in the manifest. Where the masks come from is not
decided here.
"""

from collections.abc import Sequence

import numpy as np

from securefed.aggregation.chunks import ChunkSealer, Masks, Words
from securefed.aggregation.fields import Packing
from securefed.aggregation.packing import modulus_mask


class MaskedSealer:
    """A ChunkSealer that masks words before another one seals them."""

    def __init__(self, inner: ChunkSealer, masks: Sequence[Masks], packing: Packing) -> None:
        self._inner = inner
        self._masks = SummedMasks(masks)
        self._modulus_mask = modulus_mask(packing)

    def seal(self, index: int, words: Words) -> bytes:
        """The payload of a chunk's masked words."""
        masked = self._masks.words(index, words.size)
        masked += words
        masked &= self._modulus_mask
        return self._inner.seal(index, masked)


class SummedMasks:
    """The sum of masks: of one site's custodians, or of one custodian's sites."""

    def __init__(self, masks: Sequence[Masks]) -> None:
        self._masks = tuple(masks)

    def words(self, index: int, count: int) -> Words:
        """The sum of all masks of a chunk, modulo 2^64."""
        total = np.zeros(count, np.uint64)
        for masks in self._masks:
            total += masks.words(index, count)
        return total


def unmasked(words: Words, mask_sums: Sequence[Words], packing: Packing) -> Words:
    """The words of a sum without the custodians' sums of masks."""
    left = words.copy()
    for one in mask_sums:
        left -= one
    left &= modulus_mask(packing)
    return left
