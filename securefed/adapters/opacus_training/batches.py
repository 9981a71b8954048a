"""From the units of a draw to batches that fit into memory, each unit whole in one of them.

A unit's records stand together and every unit of a batch has the same number of rows: one with
fewer records repeats its first, with weight zero. A record's weight is one over the number of its
unit's records, so that a unit's loss is the mean of theirs. Recipes find both in the batch, as
`unit` and `weight`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from securefed.errors import ConfigInvalid
from securefed.recipes.files.source import Numbers, RecordSource
from securefed.recipes.files.units import Words, chosen_records
from securefed.recipes.recipe import Batch, Recipe
from securefed.recipes.records import Records


@dataclass(frozen=True, kw_only=True)
class UnitBatch:
    """Tensors of some units, `rows` of them to a unit."""

    tensors: Batch
    rows: int

    @property
    def weight(self) -> Tensor:
        """What each row counts; zero for a row that only fills."""
        return self.tensors["weight"]


class UnitBatches:
    """Reads the records of drawn units, at most `bound` of each, chosen anew in each draw."""

    def __init__(
        self, recipe: Recipe, source: RecordSource, words: Words, device: torch.device
    ) -> None:
        self._recipe, self._source, self._words, self._device = recipe, source, words, device

    def of(self, units: Numbers) -> Iterator[UnitBatch]:
        """Batches that hold these units, each of them once. Few records come together with few, so
        that little is filled up; the order of a sum does not matter."""
        members = chosen_records(self._source, units, self._words)
        members.sort(key=len)
        while members:
            part = _that_fits(members, self._recipe.settings.physical_batch)
            del members[: len(part)]
            yield self._batch(part)

    def _batch(self, members: Sequence[Numbers]) -> UnitBatch:
        rows = len(members[-1])
        numbers = np.concatenate([filled(one, rows) for one in members])
        records = self._source.take(numbers)
        return unit_batch(self._recipe, records, [len(one) for one in members], self._device)


def unit_batch(
    recipe: Recipe, records: Records, counts: Sequence[int], device: torch.device
) -> UnitBatch:
    """Records as a batch of units: each has the same number of rows, of which its first `count`
    are its records."""
    units = len(counts)
    rows, rest = divmod(len(records), units)
    if rest:
        raise ValueError(
            f"{len(records)} records are not the same number for each of {units} units"
        )
    each = torch.tensor(counts).unsqueeze(1)
    weight = (torch.arange(rows) < each) / each
    tensors = dict(recipe.collate(records))
    if tensors.keys() & {"unit", "weight"}:
        raise ConfigInvalid(
            "The recipe names a tensor unit or weight; these are the engine's own",
            where="collate",
            hint="Give the recipe's tensor another name.",
        )
    tensors["unit"] = torch.arange(units).repeat_interleave(rows)
    tensors["weight"] = weight.flatten()
    return UnitBatch(
        tensors={name: tensor.to(device) for name, tensor in tensors.items()}, rows=rows
    )


def filled(numbers: Numbers, rows: int) -> Numbers:
    """A unit's records and its first again, as often as it takes to make so many rows."""
    if len(numbers) == rows:
        return numbers
    return np.concatenate([numbers, np.repeat(numbers[:1], rows - len(numbers))])


def _that_fits(members: Sequence[Numbers], most: int) -> Sequence[Numbers]:
    """As many units as have room; one at least. The last has the most records."""
    for count, one in enumerate(members):
        if count and (count + 1) * len(one) > most:
            return members[:count]
    return members[:]
