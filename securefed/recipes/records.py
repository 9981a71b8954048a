"""Records as a recipe is given them: column by column, in the order that was asked for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Cell: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Records:
    """Some records of a dataset, all columns equally long; a missing value is None.

    `folder` is where the dataset lies: cells that name files name them relative to it."""

    columns: Mapping[str, Sequence[Cell]]
    folder: Path

    def __len__(self) -> int:
        return min((len(column) for column in self.columns.values()), default=0)

    def picked(self, numbers: Iterable[int]) -> "Records":
        """The records at these places, in this order."""
        places = list(numbers)
        return Records(
            columns={name: [cells[i] for i in places] for name, cells in self.columns.items()},
            folder=self.folder,
        )
