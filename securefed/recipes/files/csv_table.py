"""A CSV table read once, record by record, every record checked as it passes.

Promises that the digest covers exactly the bytes that were parsed, that no more than one record is
in memory, and that an error names file, line, column and what was expected, never what a cell or a
line holds. The same code parses single records later on, so that nothing can be read in two ways.

The form is strict so that no two readers disagree: UTF-8 without a byte order mark, commas, a
header equal to the card's columns in their order, and no blank line.
"""

import csv
import hashlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import BinaryIO

from securefed.domain.canonical import prefixed
from securefed.domain.identifiers import Digest
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column
from securefed.errors import DataUnreadable
from securefed.recipes.files.cells import FORMS, LONGEST_CELL, Form
from securefed.recipes.files.named_files import decoded
from securefed.recipes.records import Cell

DATASET_KIND = "dataset"
FEWEST_RECORDS = 2

_LONGEST_RECORD = 1_000_000


class CsvTable:
    """One pass over one file. Each step gives the value of the record's unit, if units have one."""

    def __init__(
        self, stream: BinaryIO, name: str, columns: tuple[Column, ...], unit: PrivacyUnit
    ) -> None:
        self._stream, self._name, self._columns = stream, name, columns
        self._forms = forms_of(columns)
        names = [str(column.name) for column in columns]
        self._unit = None if unit.column is None else names.index(unit.column)
        self._hash = hashlib.sha256(prefixed(DATASET_KIND, b""))
        self._line = 0
        self._pending = 0
        # Where the first record begins, and where the record that has just passed ends.
        self.first = 0
        self.position = 0

    @property
    def digest(self) -> Digest:
        """The digest of what has passed; after the last record, of the file."""
        return Digest("sha256:" + self._hash.hexdigest())

    def __iter__(self) -> Iterator[Cell]:
        rows = self._rows()
        self._check_header(next(rows, None))
        self.first, records, unit = self.position, 0, self._unit
        for row in rows:
            self._check_record(row)
            records += 1
            yield None if unit is None else self._unit_value(row[unit], self._columns[unit])
        if records < FEWEST_RECORDS:
            raise self._wrong("a header and at least two records")

    def _unit_value(self, cell: str, column: Column) -> Cell:
        if not cell.strip():
            raise self._wrong("a privacy unit in every record", column.name)
        return FORMS[column.type].value_of(cell)

    def _rows(self) -> Iterator[list[str]]:
        reader = csv.reader(self._lines(), strict=True)
        while True:
            # The csv module's own words may quote the file, so none of them is passed on.
            broken, row = False, None
            try:
                row = next(reader, None)
            except csv.Error:
                broken = True
            if broken:
                cell = f"cells of at most {LONGEST_CELL:,} characters"
                raise self._wrong(f"comma-separated values with closed quotes, and {cell}")
            if row is None:
                return
            self._pending = 0
            yield row

    def _lines(self) -> Iterator[str]:
        while data := self._stream.readline(_LONGEST_RECORD + 1):
            self._line += 1
            self._hash.update(data)
            self.position += len(data)
            self._pending += len(data)
            if self._pending > _LONGEST_RECORD:
                raise self._wrong(f"a record of at most {_LONGEST_RECORD:,} bytes")
            if b"\0" in data:
                raise self._wrong("text without NUL bytes")
            text = decoded(data)
            if text is None:
                raise self._wrong("UTF-8 text")
            yield text

    def _check_header(self, header: list[str] | None) -> None:
        if header is None:
            raise self._wrong("a header and at least two records, not an empty file")
        if header and header[0].startswith("\ufeff"):
            raise self._wrong("a header without a byte order mark before it")
        names = [column.name for column in self._columns]
        for place, name in enumerate(names):
            if place >= len(header) or header[place] != name:
                raise self._wrong(f"the header's column {place + 1} to be {name!r}, as on the card")
        if len(header) > len(names):
            raise self._wrong(f"the card's {len(names)} columns, not {len(header)}")

    def _check_record(self, row: list[str]) -> None:
        if len(row) != len(self._columns):
            raise self._wrong(f"{len(self._columns)} cells, not {len(row)}")
        misfit = _misfit(self._forms, row)
        if misfit is not None:
            raise self._wrong(self._forms[misfit].expected, self._columns[misfit].name)

    def _wrong(self, wanted: str, column: str = "") -> DataUnreadable:
        place = f"{self._name}, line {max(self._line, 1)}"
        return DataUnreadable(
            f"Expected {wanted}", where=f"{place}, column {column!r}" if column else place
        )


def forms_of(columns: tuple[Column, ...]) -> list[Form]:
    """What the cells of a record look like."""
    return [FORMS[column.type] for column in columns]


def record_in(data: bytes, forms: list[Form]) -> list[Cell] | None:
    """The values of the one record that some bytes hold; none if they hold anything else."""
    # Line by line, as in the pass: only a line feed ends a line.
    lines = [decoded(line) for line in BytesIO(data)]
    rows = _parsed([line for line in lines if line is not None])
    if None in lines or len(rows) != 1 or len(rows[0]) != len(forms):
        return None
    if _misfit(forms, rows[0]) is not None:
        return None
    return [form.value_of(cell) for form, cell in zip(forms, rows[0], strict=True)]


def _parsed(lines: Iterable[str]) -> list[list[str]]:
    try:
        return list(csv.reader(lines, strict=True))
    except csv.Error:
        return []


def _misfit(forms: list[Form], row: list[str]) -> int | None:
    """The place of the first cell that does not fit."""
    for place, form in enumerate(forms):
        cell = row[place]
        # A call less for each cell of a large file: this is `form.fits`.
        if cell and not form.matches(cell):
            return place
    return None
