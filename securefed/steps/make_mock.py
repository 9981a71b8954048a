"""A mock as CSV, from its description alone.

Promises that the same description gives the same bytes on every machine, and that the file fits the
card: its columns, a value of the right kind in every cell, and units with several records where the
privacy unit allows them. Nothing of the data is read, so a mock says nothing about them; how values
spread and hang together is made up, and a model that is trained on it learns nothing.
"""

import csv
import hashlib
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from typing import Final

from securefed.domain.identifiers import Digest
from securefed.domain.mock import MockColumn, MockPlan
from securefed.domain.site import ColumnType

_USUAL_RANGE: Final = (Decimal(0), Decimal(100))
_PARTS: Final = 1000
_MOST_OF_A_UNIT: Final = 5
_CATEGORIES: Final = ("a", "b", "c")
_WORDS: Final = (
    "amber",
    "bread",
    "cloud",
    "door",
    "evening",
    "field",
    "green",
    "harbour",
    "island",
)


def mock_text(plan: MockPlan) -> str:
    """The whole file."""
    chance, text = _Chance(plan.digest), StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(one.column.name for one in plan.columns)
    for record, unit in enumerate(_units(plan, chance)):
        writer.writerow(
            _name(one, unit)
            if one.column.name == plan.unit.column
            else _cell(one, record + 1, chance)
            for one in plan.columns
        )
    return text.getvalue()


class _Chance:
    """Numbers that look random and follow from a public seed."""

    def __init__(self, seed: Digest) -> None:
        self._seed = seed
        self._drawn = 0

    def below(self, end: int) -> int:
        """The next number from zero to below the end."""
        self._drawn += 1
        drawn = hashlib.sha256(f"{self._seed} {self._drawn}".encode("ascii")).digest()
        return int.from_bytes(drawn[:16], "big") % end


def _units(plan: MockPlan, chance: _Chance) -> Iterator[int]:
    """The unit of each record, numbered from zero."""
    made = unit = 0
    while made < plan.records:
        size = 1 + chance.below(min(plan.unit.bound, _MOST_OF_A_UNIT))
        size = min(size, plan.records - made)
        yield from [unit] * size
        made, unit = made + size, unit + 1


def _name(one: MockColumn, unit: int) -> str:
    """How a unit is called. A short range or list of values begins again from its start."""
    if one.values:
        return one.values[unit % len(one.values)]
    match one.column.type:
        case ColumnType.INTEGER | ColumnType.DECIMAL:
            low, high = one.range or (Decimal(1), Decimal(10**12))
            return _written(low + unit % (int(high - low) + 1))
        case ColumnType.BOOLEAN:
            return _truth(unit)
        case ColumnType.CATEGORY | ColumnType.TEXT | ColumnType.IDENTIFIER:
            return f"u{unit + 1:04d}"


def _cell(one: MockColumn, record: int, chance: _Chance) -> str:
    if one.values:
        return one.values[chance.below(len(one.values))]
    low, high = one.range or _USUAL_RANGE
    match one.column.type:
        case ColumnType.INTEGER:
            return _written(low + chance.below(int(high - low) + 1))
        case ColumnType.DECIMAL:
            return _written(low + (high - low) * chance.below(_PARTS + 1) / _PARTS)
        case ColumnType.BOOLEAN:
            return _truth(chance.below(2))
        case ColumnType.CATEGORY:
            return _CATEGORIES[chance.below(len(_CATEGORIES))]
        case ColumnType.TEXT:
            return " ".join(_WORDS[chance.below(len(_WORDS))] for _ in range(3 + chance.below(6)))
        case ColumnType.IDENTIFIER:
            return f"x{record:04d}"


def _written(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _truth(number: int) -> str:
    return "true" if number % 2 else "false"
