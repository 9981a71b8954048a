"""What a cell of each column type looks like, as text in a CSV file.

An empty cell is a missing value and fits every type; the privacy unit's column is checked by the
table, because there nothing may be missing. Numbers have ASCII digits and no spaces, so that every
reader sees the same number.
"""

import re

from securefed.domain.site import ColumnType

_FORMS = {
    ColumnType.INTEGER: (r"[+-]?[0-9]{1,18}", "a whole number"),
    ColumnType.DECIMAL: (
        r"[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})([eE][+-]?[0-9]{1,3})?",
        "a decimal number",
    ),
    ColumnType.BOOLEAN: (r"true|false|0|1", "true, false, 0 or 1"),
    ColumnType.CATEGORY: (r"\S(.{0,198}\S)?", "one line of at most 200 characters"),
    ColumnType.TEXT: (r"(?s:.*)", "text"),
    ColumnType.IDENTIFIER: (r"\S(.{0,198}\S)?", "one line of at most 200 characters"),
}
_PATTERNS = {kind: re.compile(form, re.ASCII) for kind, (form, _) in _FORMS.items()}


def fits(kind: ColumnType, cell: str) -> bool:
    """Whether a cell holds a value of the type, or none."""
    return not cell or _PATTERNS[kind].fullmatch(cell) is not None


def expected(kind: ColumnType) -> str:
    """What a cell of the type should hold."""
    return _FORMS[kind][1]
