"""Cells of a table as numbers and words; what has no place is refused without being quoted."""

import math
from collections.abc import Sequence
from typing import NoReturn

from securefed.errors import DataUnreadable
from securefed.recipes.records import Cell, Records


def column_of(records: Records, name: str) -> Sequence[Cell]:
    """A column's cells."""
    if name not in records.columns:
        raise DataUnreadable(f"There is no column {name!r}")
    return records.columns[name]


def number_of(cell: Cell, record: int, column: str) -> float:
    """A finite number; NaN where it is missing."""
    if cell is None:
        return math.nan
    if isinstance(cell, str) or not math.isfinite(cell):
        refuse(record, column, "a finite number")
    return float(cell)


def truth_of(cell: Cell, record: int, column: str) -> float:
    """One or zero; NaN where it is missing."""
    if cell is None:
        return math.nan
    if isinstance(cell, str) or cell not in (0, 1):
        refuse(record, column, "true or false")
    return float(cell)


def word_of(cell: Cell, record: int, column: str) -> str | None:
    """A category's word, as a study writes it; a truth is the word true or false."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        refuse(record, column, "a category")
    return None if cell is None else str(cell)


def refuse(record: int, column: str, expected: str) -> NoReturn:
    """Says where a value without a place stands, counted from one within the records read."""
    raise DataUnreadable(f"Record {record + 1} of a batch, column {column!r}: expected {expected}")
