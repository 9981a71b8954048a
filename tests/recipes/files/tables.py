"""The same table as a CSV and as a Parquet file, and what an error could give away."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from securefed.domain.identifiers import Line
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType
from securefed.recipes.records import Cell

RECORD = PrivacyUnit(column=None, bound=1)
PATIENT = PrivacyUnit(column="patient", bound=2)
SECRET = "Erika-Mustermann"
_KINDS = {
    "patient": (ColumnType.IDENTIFIER, pa.string()),
    "age": (ColumnType.INTEGER, pa.int16()),
    "weight": (ColumnType.DECIMAL, pa.float64()),
    "smoker": (ColumnType.BOOLEAN, pa.bool_()),
    "ward": (ColumnType.CATEGORY, pa.string()),
    "note": (ColumnType.TEXT, pa.string()),
}
COLUMNS = tuple(
    Column(name=Line(name), type=kind, meaning=Line("A column"))
    for name, (kind, _) in _KINDS.items()
)
SCHEMA = pa.schema([(name, kind) for name, (_, kind) in _KINDS.items()])
Rows = Sequence[tuple[Cell, ...]]
ROWS: Rows = (
    ("p1", 40, 70.5, True, "A", "fine"),
    ("p2", None, None, None, None, None),
    ("p1", -41, 7e10, False, "B, C", 'two\nlines, and "quotes"\r\nand more'),
    ("ü", 0, -0.25, True, "A", "a\rb"),
    ("p1", 7, 1.0, None, "é", "the last"),
)


def write_csv(path: Path, rows: Rows) -> Path:
    """A table as CSV."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(_KINDS)
        writer.writerows([_told(cell) for cell in row] for row in rows)
    return path


def write_parquet(path: Path, rows: Rows, schema: pa.Schema = SCHEMA) -> Path:
    """A table as Parquet."""
    columns = [
        pa.array(cells, kind) for cells, kind in zip(_turned(rows), schema.types, strict=True)
    ]
    pq.write_table(pa.table(columns, schema=schema), path, row_group_size=2)
    return path


def everything_of(error: BaseException | None) -> str:
    """What a traceback could print of an error and of all that led to it."""
    if error is None:
        return ""
    own = f"{error!r} {error} {vars(error)} {error.args}"
    return own + everything_of(error.__cause__) + everything_of(error.__context__)


def _told(cell: Cell) -> str:
    return str(cell).lower() if isinstance(cell, bool) else "" if cell is None else str(cell)


def _turned(rows: Rows) -> list[list[Cell]]:
    return [list(cells) for cells in zip(*rows, strict=True)] or [[] for _ in _KINDS]
