"""A site's update as packed words, and an opened sum as the average that it stands for.

Both go chunk by chunk. `PackedUpdate` shortens to the bound, weights, rounds and packs, and counts
what saturated; `opened_average` is its inverse after the sum. The values can be a file mapped into
memory: no more than a chunk of them is touched at a time.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from securefed.aggregation.chunks import Words
from securefed.aggregation.grid import Chances, Floats, Scaling, Values, average, scaling_for
from securefed.aggregation.packing import pack, unpack
from securefed.aggregation.shape import grid_of, shape_of
from securefed.domain.identifiers import SiteId
from securefed.domain.update import PrivatizedUpdate, Roster, Seal, SealedSum
from securefed.errors import SealForeign, UpdateUnusable

# As many secure random words of 32 bits as asked for.
Draw: TypeAlias = Callable[[int], Chances]


class PackedUpdate:
    """The words of one site's update; rounded by chance with `draw`, to the nearest without."""

    def __init__(
        self,
        update: PrivatizedUpdate,
        values: Values,
        seal: Seal,
        scaling: Scaling,
        draw: Draw | None,
    ) -> None:
        if update.layout != seal.layout or update.parameters != seal.parameters:
            raise SealForeign("The update has another layout than the round seals")
        if values.shape != (seal.parameters,) or values.dtype != "float32":
            raise UpdateUnusable(f"{seal.parameters} values of float32 were expected, in a row")
        self.saturated = 0
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
        part = self._values[self._shape.values(index)]
        chances = None if self._draw is None else self._draw(part.size)
        levels, saturated = self._scaling.levels(part, chances)
        self.saturated += saturated
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
    shape = shape_of(seal)
    inside = shape.values(index)
    return average(
        grid_of(seal),
        unpack(words, shape.packing, inside.stop - inside.start),
        contributors=len(complete.sites),
        heaviest=roster.heaviest,
        weight=complete.weight(roster),
    )
