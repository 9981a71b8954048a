"""UCI Heart Disease, the four hospitals, split as FLamby's Fed-Heart-Disease splits them.

The columns slope, ca and thal are dropped, then rows with a missing value: 740 patients are left.
A cholesterol of 0 stands for one that was not measured, so its cell is left empty.
The test rows are those of scikit-learn's seeded and stratified split of each hospital, which
FLamby's figures rest on; their numbers stand here.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from securefed.adapters.published_data.origin import Origin
from securefed.adapters.published_data.part import TEST, Described, column, write_part
from securefed.domain.identifiers import DatasetId
from securefed.domain.site import Column, ColumnType
from securefed.errors import DataUnreadable

ORIGIN: Final = Origin(
    title="The UCI Heart Disease data",
    folder="uci-heart-disease",
    source="https://archive.ics.uci.edu/dataset/45 (Janosi, Steinbrunn, Pfisterer, Detrano 1988)",
    licence="CC BY 4.0",
    files={
        "processed.cleveland.data": (
            "a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8"
        ),
        "processed.hungarian.data": (
            "d1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796"
        ),
        "processed.switzerland.data": (
            "834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314"
        ),
        "processed.va.data": "e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f",
    },
)
_WORDS: Final = {"cp": ("1", "2", "3", "4"), "restecg": ("0", "1", "2")}
_COLUMNS: Final = (
    column("age", ColumnType.INTEGER, "Age in years"),
    column("sex", ColumnType.BOOLEAN, "Whether the patient is male"),
    column("cp", ColumnType.CATEGORY, "Kind of chest pain: 1 typical angina to 4 none"),
    column("trestbps", ColumnType.INTEGER, "Blood pressure at rest on admission, mmHg"),
    column("chol", ColumnType.INTEGER, "Serum cholesterol, mg/dl; empty where it was not measured"),
    column("fbs", ColumnType.BOOLEAN, "Whether fasting blood sugar was above 120 mg/dl"),
    column("restecg", ColumnType.CATEGORY, "Resting ECG: 0 normal, 1 ST-T, 2 hypertrophy"),
    column("thalach", ColumnType.INTEGER, "Highest heart rate reached"),
    column("exang", ColumnType.BOOLEAN, "Whether exercise brought angina"),
    column("oldpeak", ColumnType.DECIMAL, "ST depression by exercise"),
    column("disease", ColumnType.BOOLEAN, "Whether a coronary artery was narrowed by half"),
)
TESTED: Final = {
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
HOSPITALS: Final = tuple(TESTED)
_MISSING: Final = "?"
_ZERO_IS_MISSING: Final = "chol"


def write_heart(source: Path, folder: Path) -> None:
    """Writes each hospital's training rows, and the test rows of all as one part."""
    held_out: list[Sequence[object]] = []
    for hospital in HOSPITALS:
        trained, tested = hospital_rows(source, hospital)
        held_out += tested
        write_part(folder, hospital, f"Heart disease, {hospital}", DESCRIBED, trained)
    write_part(folder, TEST, "Heart disease, held out", DESCRIBED, held_out)


DESCRIBED: Final = Described(
    dataset=DatasetId("patients"),
    origin="UCI Machine Learning Repository, dataset 45, processed files",
    licence=ORIGIN.licence,
    purposes=("heart-research",),
    columns=_COLUMNS,
    words=tuple(_WORDS.items()),
)


def hospital_rows(
    source: Path, hospital: str
) -> tuple[list[Sequence[object]], list[Sequence[object]]]:
    """A hospital's rows to train on and those to test on."""
    chosen = {int(number) for number in TESTED[hospital].split()}
    rows = list(enumerate(_whole_rows(source / f"processed.{hospital}.data")))
    trained = [row for number, row in rows if number not in chosen]
    return trained, [row for number, row in rows if number in chosen]


def _whole_rows(path: Path) -> Iterator[Sequence[object]]:
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            if not row:
                continue
            kept = [*row[:10], row[13]] if len(row) == 14 else []
            if not kept:
                raise DataUnreadable(f"Line {number}: expected 14 columns", where=str(path))
            if _MISSING not in kept:
                yield [_cell(one, text) for one, text in zip(_COLUMNS, kept, strict=True)]


def _cell(column: Column, text: str) -> object:
    number, kind = float(text), column.type
    if column.name == _ZERO_IS_MISSING and not number:
        return ""
    if kind is ColumnType.BOOLEAN:
        return str(number > 0).lower()
    return number if kind is ColumnType.DECIMAL else int(number)
