"""Which records of drawn units are used: at most `bound` of each, chosen uniformly at every draw.

Promises that a choice depends on nothing but its own unit's number of records and on random words
that no other unit gets, which is what makes a fresh choice sound (docs/adr/0009); and a cost by the
bound, not by how many records a unit has. The chance of a set is off by less than the number of
records over 2⁶⁴: that skews the choice by nothing anybody can see, and no figure of privacy rests
on it. Whether a word is secret is up to whoever supplies the words.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from securefed.recipes.files.source import Numbers, RecordSource

# A given number of new random words, uniform and independent.
Words: TypeAlias = Callable[[int], NDArray[np.uint64]]


def chosen_records(
    source: RecordSource, units: Sequence[int] | Numbers, words: Words
) -> list[Numbers]:
    """For each unit the records of it that are used, in order."""
    bound = source.unit.bound
    members = [source.of_unit(int(unit)) for unit in units]
    crowded = sum(len(one) > bound for one in members)
    stream = iter(words(crowded * bound).tolist() if crowded else [])
    return [one if len(one) <= bound else one[_picked(len(one), bound, stream)] for one in members]


def _picked(size: int, count: int, words: Iterator[int]) -> Numbers:
    """A uniform set of `count` places below `size`, by Floyd's algorithm: a word for each place.

    Bentley and Floyd, "A sample of brilliance", Communications of the ACM 30 (1987)."""
    picked: set[int] = set()
    for last in range(size - count, size):
        place = next(words) * (last + 1) >> 64
        picked.add(last if place in picked else place)
    return np.array(sorted(picked), np.int64)
