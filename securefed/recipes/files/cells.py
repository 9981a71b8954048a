"""What a cell of each column type looks like as text, and which value it stands for.

An empty cell is a missing value and fits every type; the privacy unit's column is checked by the
table, because there nothing may be missing. Numbers have ASCII digits and no spaces, so that every
reader sees the same number, and a decimal number is finite as a double.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from securefed.domain.site import ColumnType
from securefed.recipes.records import Cell

# Also the csv module's own limit.
LONGEST_CELL: Final = 131_072


@dataclass(frozen=True, kw_only=True)
class Form:
    """What is expected of a cell that is not empty: in words, as a test, and as a value."""

    expected: str
    matches: Callable[[str], object]
    value: Callable[[str], Cell]

    def fits(self, cell: str) -> bool:
        """Whether a cell holds a value of the type, or none."""
        return not cell or bool(self.matches(cell))

    def value_of(self, cell: str) -> Cell:
        """The value of a cell that fits."""
        return self.value(cell) if cell else None


def _pattern(form: str) -> Callable[[str], object]:
    return re.compile(form, re.ASCII).fullmatch


_is_decimal = _pattern(r"[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})([eE][+-]?[0-9]{1,3})?")


def _is_finite_decimal(cell: str) -> bool:
    return bool(_is_decimal(cell)) and math.isfinite(float(cell))


def _is_text(cell: str) -> bool:
    return len(cell) <= LONGEST_CELL and "\0" not in cell


_WORD = Form(
    expected="one line of at most 200 characters", matches=_pattern(r"\S(.{0,198}\S)?"), value=str
)
FORMS: Final = {
    ColumnType.INTEGER: Form(
        expected="a whole number", matches=_pattern(r"[+-]?[0-9]{1,18}"), value=int
    ),
    ColumnType.DECIMAL: Form(expected="a decimal number", matches=_is_finite_decimal, value=float),
    ColumnType.BOOLEAN: Form(
        expected="true, false, 0 or 1",
        matches=frozenset({"true", "false", "0", "1"}).__contains__,
        value=frozenset({"true", "1"}).__contains__,
    ),
    ColumnType.CATEGORY: _WORD,
    ColumnType.TEXT: Form(
        expected=f"text of at most {LONGEST_CELL:,} characters", matches=_is_text, value=str
    ),
    ColumnType.IDENTIFIER: _WORD,
}
