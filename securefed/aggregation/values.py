"""A site's update as packed words, and an opened sum as the average that it stands for.

Both go chunk by chunk. `PackedUpdate` shortens to the bound, weights, rounds and packs, and counts
what saturated; `opened_average` is its inverse after the sum. The values can be a file mapped into
memory: no more than a chunk of them is touched at a time. Behind the values come the digits of the
site's noised tally, which nothing shortens or weights; `opened_digits` has their sums.
"""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import numpy as np

from securefed.aggregation.chunks import Words
from securefed.aggregation.grid import (
    Chances,
    Floats,
    Levels,
    Scaling,
    Values,
    average,
    scaling_for,
)
from securefed.aggregation.packing import pack, unpack
from securefed.aggregation.shape import digits_of, grid_of, shape_of
from securefed.domain.identifiers import SiteId
from securefed.domain.update import PrivatizedUpdate, Roster, Seal, SealedSum
from securefed.errors import SealForeign, UpdateUnusable

# As many secure random words of 32 bits as asked for.
Draw: TypeAlias = Callable[[int], Chances]
# What a site seals behind its update where nothing is measured, or nothing is summed.
NO_TALLY: Final[Floats] = np.empty(0, np.float64)


class PackedUpdate:
    """The words of one site's update; rounded by chance with `draw`, to the nearest without."""

    def __init__(
        self,
        update: PrivatizedUpdate,
        values: Values,
        seal: Seal,
        scaling: Scaling,
        draw: Draw | None,
        tally: Floats = NO_TALLY,
    ) -> None:
        if update.layout != seal.layout or update.parameters != seal.parameters:
            raise SealForeign("The update has another layout than the round seals")
        if values.shape != (seal.parameters,) or values.dtype != "float32":
            raise UpdateUnusable(f"{seal.parameters} values of float32 were expected, in a row")
        self.saturated = 0
        self._digits = digits_of(seal).levels(tally)
        self._values = values
        self._shape = shape_of(seal)
        self._scaling = scaling
        self._draw = draw

    def words(self) -> Iterator[Words]:
        """The words of each chunk, in order. Counts saturated values anew each time."""
        self.saturated = 0
        for index in range(self._shape.chunks):
            yield self._chunk(index)

    def _chunk(self, index: int) -> Words:
        inside = self._shape.values(index)
        part = self._values[inside]
        chances = None if self._draw is None else self._draw(part.size)
        levels, saturated = self._scaling.levels(part, chances)
        self.saturated += saturated
        digits = self._digits[_beyond(inside, self._values.size)]
        if digits.size:
            levels = np.concatenate((levels, digits))
        return pack(levels, self._shape.packing)


def site_scaling(update: PrivatizedUpdate, seal: Seal, roster: Roster, site: SiteId) -> Scaling:
    """How a site of the roster brings its update onto the round's grid."""
    return scaling_for(
        grid_of(seal),
        norm=update.norm,
        bound=seal.bound,
        weight=roster.contributor(site).weight,
        heaviest=roster.heaviest,
    )


def opened_average(
    words: Words, index: int, seal: Seal, roster: Roster, complete: SealedSum
) -> Floats:
    """A chunk of the weighted average, from the words of a sum that is open and unmasked."""
    levels = _unpacked(words, index, seal)
    return average(
        grid_of(seal),
        levels[: max(0, seal.parameters - shape_of(seal).values(index).start)],
        contributors=len(complete.sites),
        heaviest=roster.heaviest,
        weight=complete.weight(roster),
    )


def opened_digits(words: Words, index: int, seal: Seal) -> Levels:
    """The sums of the tally's digits that lie in a chunk; most chunks have none."""
    inside = shape_of(seal).values(index)
    if inside.stop <= seal.parameters:
        return np.empty(0, np.uint64)
    return _unpacked(words, index, seal)[max(0, seal.parameters - inside.start) :]


def _unpacked(words: Words, index: int, seal: Seal) -> Levels:
    shape = shape_of(seal)
    inside = shape.values(index)
    return unpack(words, shape.packing, inside.stop - inside.start)


def _beyond(inside: slice, values: int) -> slice:
    """Where a chunk's digits lie among all digits."""
    return slice(max(0, inside.start - values), max(0, inside.stop - values))
