"""How columns become the numbers that a model is given, by ranges that are public.

A number becomes its distance from a centre in units of a scale, both stated in the study: nothing
is measured on private data, which would cost budget. A missing value stands in the middle: zero.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from numpy.random import Generator
from torch import Tensor

from securefed.domain.site import ColumnType
from securefed.recipes.recipe import Needed
from securefed.recipes.records import Cell, Records
from securefed.recipes.tabular.cells import column_of, number_of, truth_of, word_of

# Stands for every category that is not declared.
ANY_OTHER = "*"
_MISSING_SHARE = 0.05


class Input(Protocol):
    """One column that is read."""

    @property
    def name(self) -> str:
        """The column."""
        ...

    @property
    def width(self) -> int:
        """How many numbers it becomes."""
        ...

    def needed(self) -> Needed:
        """The types that it can have."""
        ...

    def tensor(self, cells: Sequence[Cell]) -> Tensor:
        """The numbers, [records, width]."""
        ...

    def made_up(self, chance: Generator, records: int) -> list[Cell]:
        """Values that it could have."""
        ...


@dataclass(frozen=True, kw_only=True)
class NumberInput:
    """A number, less a centre, by a scale, kept within a limit of zero."""

    name: str
    centre: float
    scale: float
    limit: float

    width = 1

    def needed(self) -> Needed:
        """Whole or decimal."""
        return Needed(name=self.name, types=frozenset({ColumnType.INTEGER, ColumnType.DECIMAL}))

    def tensor(self, cells: Sequence[Cell]) -> Tensor:
        """One number a record."""
        values = [number_of(cell, i, self.name) for i, cell in enumerate(cells)]
        scaled = (torch.tensor(values, dtype=torch.float64) - self.centre) / self.scale
        return scaled.clamp(-self.limit, self.limit).nan_to_num(nan=0.0).float().unsqueeze(1)

    def made_up(self, chance: Generator, records: int) -> list[Cell]:
        """Around the centre; some are missing."""
        values = self.centre + self.scale * chance.standard_normal(records)
        missing = chance.random(records) < _MISSING_SHARE
        return [None if gone else float(value) for value, gone in zip(values, missing, strict=True)]


@dataclass(frozen=True, kw_only=True)
class CategoryInput:
    """One of declared words: a one in its place. `*` is the place of every other word; without it
    another word is zero everywhere, as a missing one is."""

    name: str
    words: tuple[str, ...]

    @property
    def width(self) -> int:
        """A place for each word."""
        return len(self.words)

    def needed(self) -> Needed:
        """What has few values."""
        types = {ColumnType.CATEGORY, ColumnType.BOOLEAN, ColumnType.INTEGER}
        return Needed(name=self.name, types=frozenset(types))

    def tensor(self, cells: Sequence[Cell]) -> Tensor:
        """A one in at most one place."""
        places = {word: place for place, word in enumerate(self.words)}
        other = places.get(ANY_OTHER)
        found = torch.zeros(len(cells), self.width)
        for i, cell in enumerate(cells):
            word = word_of(cell, i, self.name)
            place = None if word is None else places.get(word, other)
            if place is not None:
                found[i, place] = 1.0
        return found

    def made_up(self, chance: Generator, records: int) -> list[Cell]:
        """Each word as often."""
        return [self.words[place] for place in chance.integers(len(self.words), size=records)]


@dataclass(frozen=True, kw_only=True)
class TruthInput:
    """True or false: one half on either side of zero."""

    name: str

    width = 1

    def needed(self) -> Needed:
        """A truth, or whole numbers that are 0 and 1."""
        return Needed(name=self.name, types=frozenset({ColumnType.BOOLEAN, ColumnType.INTEGER}))

    def tensor(self, cells: Sequence[Cell]) -> Tensor:
        """One number a record."""
        values = [truth_of(cell, i, self.name) for i, cell in enumerate(cells)]
        return (torch.tensor(values) - 0.5).nan_to_num(nan=0.0).unsqueeze(1)

    def made_up(self, chance: Generator, records: int) -> list[Cell]:
        """Each as often."""
        return [bool(value) for value in chance.integers(2, size=records)]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All columns that are read, in the study's order."""

    columns: tuple[Input, ...]
    missing_flags: bool

    @property
    def width(self) -> int:
        """How many numbers a record becomes."""
        return sum(one.width for one in self.columns) + len(list(self._flagged()))

    def tensor(self, records: Records) -> Tensor:
        """The numbers, [records, width]; flags for missing numbers stand last."""
        parts = [one.tensor(column_of(records, one.name)) for one in self.columns]
        for one in self._flagged():
            gone = [cell is None for cell in column_of(records, one.name)]
            parts.append(torch.tensor(gone, dtype=torch.float32).unsqueeze(1))
        return torch.cat(parts, 1)

    def made_up(self, chance: Generator, records: int) -> dict[str, list[Cell]]:
        """Values for every column."""
        return {one.name: one.made_up(chance, records) for one in self.columns}

    def _flagged(self) -> Iterator[Input]:
        if self.missing_flags:
            yield from (one for one in self.columns if isinstance(one, NumberInput))
