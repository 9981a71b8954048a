"""Which row of a table belongs to an item: its place in a public catalogue, or its number.

What is in the catalogue must not depend on the data: a list of the items that somebody has rated
would tell of them. An item outside is refused, and never named: it is a value of a private record.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from securefed.errors import AssetMismatch, ConfigInvalid, DataUnreadable
from securefed.recipes.files.named_files import read_text_file
from securefed.recipes.records import Cell

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")


@dataclass(frozen=True, kw_only=True)
class Items:
    """So many items; without places they are numbered from zero."""

    count: int
    places: dict[Cell, int] | None = None

    def rows(self, cells: Sequence[Cell], column: str) -> Tensor:
        """The row of each item. Raises DataUnreadable for one that is not among them."""
        # Most are found at once; only what is not is looked at closely.
        found = [None if self.places is None else self.places.get(cell) for cell in cells]
        rows = [
            self._row(cell, column) if row is None else row
            for row, cell in zip(found, cells, strict=True)
        ]
        return torch.tensor(rows, dtype=torch.int64)

    def _row(self, cell: Cell, column: str) -> int:
        text = identifier(cell, column)
        if self.places is None:
            row = int(text) if _NUMBER.fullmatch(text) else self.count
            if row < self.count:
                return row
            raise DataUnreadable(f"Items are numbers from 0 to {self.count - 1}", where=column)
        found = self.places.get(text)
        if found is None:
            raise DataUnreadable("An item is not in the public catalogue", where=column)
        return found

    def some(self, rows: Sequence[int]) -> list[Cell]:
        """The ids of these rows."""
        if self.places is None:
            return list(rows)
        names = list(self.places)
        return [names[row] for row in rows]


def identifier(cell: Cell, column: str) -> str:
    """An id as text; a whole number and its digits are the same one."""
    if isinstance(cell, bool) or not isinstance(cell, str | int) or cell == "":
        raise DataUnreadable("Expected an id: text or a whole number", where=column)
    return str(cell)


def read_catalogue(assets: Path | None, name: str, sha256: str) -> Items:
    """A file with one id on each line, which the study pins by the SHA-256 of its bytes."""
    if assets is None:
        raise ConfigInvalid(
            "The catalogue is a file among the site's assets, and there are none",
            where="recipe.parameters.catalogue",
        )
    text = read_text_file(assets, name, where="catalogue")
    found = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    if found != sha256:
        raise AssetMismatch(f"The catalogue is {found}, not {sha256}", where="catalogue")
    lines = text.removesuffix("\n").split("\n")
    places: dict[Cell, int] = {line: place for place, line in enumerate(lines)}
    if len(places) != len(lines) or not all(line and line == line.strip() for line in lines):
        raise DataUnreadable(
            "A catalogue has one id on each line, each once, without spaces around it",
            where="catalogue",
        )
    return Items(count=len(lines), places=places)
