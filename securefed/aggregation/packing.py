"""Levels into words and back, one chunk at a time.

Promises that unpacking the sum of packed words, modulo two to the packing's modulus bits, gives the
sum of the levels exactly, for as many contributors as the packing was chosen for. A word beyond the
modulus is refused: no opening gives one.
"""

from typing import TypeAlias

import numpy as np

from securefed.aggregation.chunks import Words
from securefed.aggregation.fields import Packing
from securefed.aggregation.grid import Levels
from securefed.errors import SealInvalid

_Word: TypeAlias = np.uint64


def pack(levels: Levels, packing: Packing) -> Words:
    """The words of a chunk's levels; fields without a level stay empty."""
    slots = packing.slots(levels.size)
    words = np.zeros(slots, np.uint64)
    for field in range(packing.fields):
        part = levels[field * slots : (field + 1) * slots]
        words[: part.size] |= part << _Word(field * packing.width)
    return words


def unpack(words: Words, packing: Packing, values: int) -> Levels:
    """The sums of a chunk's levels."""
    if words.size != packing.slots(values):
        raise SealInvalid(f"{words.size} words do not hold {values} values")
    if (words > modulus_mask(packing)).any():
        raise SealInvalid("An opened word is larger than its suite allows")
    levels = np.empty(packing.fields * words.size, np.uint64)
    field_mask = _Word((1 << packing.width) - 1)
    for field in range(packing.fields):
        part = levels[field * words.size : (field + 1) * words.size]
        np.right_shift(words, _Word(field * packing.width), out=part)
        part &= field_mask
    return levels[:values]


def modulus_mask(packing: Packing) -> _Word:
    """The bits of a word that count: adding modulo 2^bits is adding and keeping these."""
    return _Word((1 << packing.modulus_bits) - 1)
