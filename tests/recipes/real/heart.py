"""Fed-Heart-Disease: the four hospitals of the UCI set, split as FLamby splits them.

Its columns slope, ca and thal are dropped, then rows with a missing value. The test rows are those
of scikit-learn's seeded and stratified split of each hospital, which FLamby's figures rest on.
"""

import csv
import os
from pathlib import Path

import pytest

from securefed.domain.identifiers import Line
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.records import Cell, Records

TYPES = {
    "age": ColumnType.INTEGER,
    "sex": ColumnType.BOOLEAN,
    "cp": ColumnType.CATEGORY,
    "trestbps": ColumnType.INTEGER,
    "chol": ColumnType.INTEGER,
    "fbs": ColumnType.BOOLEAN,
    "restecg": ColumnType.CATEGORY,
    "thalach": ColumnType.INTEGER,
    "exang": ColumnType.BOOLEAN,
    "oldpeak": ColumnType.DECIMAL,
    "disease": ColumnType.BOOLEAN,
}
_TESTED = {
    "cleveland": "5 13 16 24 26 34 40 42 43 46 47 48 49 53 55 56 59 60 61 63 64 65 69 72 76 78 86 "
    "87 88 90 91 93 95 101 103 104 105 113 116 123 128 133 134 135 136 137 151 152 154 156 157 "
    "160 163 165 170 171 179 180 188 190 192 197 201 202 203 211 213 215 216 218 221 223 224 227 "
    "228 233 236 239 243 246 249 250 256 257 258 259 260 264 265 266 270 283 284 285 288 289 290 "
    "292 294 295 296 297 298 301",
    "hungarian": "3 7 16 21 25 26 27 28 29 32 34 35 36 41 47 48 49 51 53 58 60 61 64 68 73 74 75 "
    "84 85 87 89 91 95 104 107 110 111 112 117 118 120 123 127 128 131 132 136 137 139 143 145 "
    "149 155 158 159 161 164 169 172 179 182 186 188 189 190 191 193 194 196 199 202 203 204 206 "
    "213 219 223 224 234 236 239 243 248 250 251 252 254 258 259",
    "switzerland": "5 6 7 8 13 14 18 19 20 22 24 28 29 32 40 41",
    "va": "1 5 6 9 12 26 29 33 35 36 38 39 41 42 45 47 54 60 61 62 64 66 67 68 73 75 76 78 79 85 "
    "88 92 97 98 110 111 112 114 117 118 119 121 125 127 128",
}
HOSPITALS = tuple(_TESTED)
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
    chosen = {int(number) for number in _TESTED[hospital].split()}
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
