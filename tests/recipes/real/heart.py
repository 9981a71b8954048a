"""Fed-Heart-Disease: the four hospitals of the UCI set, split as FLamby splits them.

Its columns slope, ca and thal are dropped, then rows with a missing value. The test rows are those
of scikit-learn's seeded and stratified split of each hospital, which FLamby's figures rest on.
"""

import csv
import os
from pathlib import Path

import pytest

from securefed.adapters.published_data.heart import DESCRIBED, TESTED
from securefed.domain.identifiers import Line
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.records import Cell, Records

TYPES = {str(one.name): one.type for one in DESCRIBED.columns}
COLUMNS = tuple(
    Column(name=Line(name), type=kind, meaning=Line(name)) for name, kind in TYPES.items()
)


def heart_folder() -> Path:
    """Where the files are; without them the test is skipped."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    folder = Path(os.environ.get("SECUREFED_DATA", beside)) / "uci-heart-disease"
    if not folder.is_dir():
        pytest.skip(f"the UCI Heart Disease files are not in {folder}")
    return folder


def rows(hospital: str, *, tested: bool) -> list[dict[str, Cell]]:
    """A hospital's rows of one part."""
    path = heart_folder() / f"processed.{hospital}.data"
    with path.open(encoding="utf-8", newline="") as file:
        kept = [[*row[:10], row[13]] for row in csv.reader(file) if row]
    whole = [row for row in kept if "?" not in row]
    chosen = {int(number) for number in TESTED[hospital].split()}
    return [_row(row) for i, row in enumerate(whole) if (i in chosen) is tested]


def source_of(table: list[dict[str, Cell]]) -> MemorySource:
    """Rows as a dataset whose unit is a row."""
    columns = {name: [row[name] for row in table] for name in TYPES}
    records = Records(columns=columns, folder=Path())
    return MemorySource(records, COLUMNS, PrivacyUnit(column=None, bound=1))


def _row(cells: list[str]) -> dict[str, Cell]:
    return {
        name: _cell(kind, text) for (name, kind), text in zip(TYPES.items(), cells, strict=True)
    }


def _cell(kind: ColumnType, text: str) -> Cell:
    number = float(text)
    if kind is ColumnType.BOOLEAN:
        return number > 0
    if kind is ColumnType.CATEGORY:
        return str(int(number))
    return number
