"""A CSV table read once, record by record, and measured while it passes.

Promises that the digest covers exactly the bytes that were parsed, that memory grows with the
number of units (about 120 bytes each: a set of 16-byte hashes) and not with the file, and that an
error names file, line, column and what was expected, never what a cell or a line holds.

The form is strict so that no two readers disagree: UTF-8 without a byte order mark, commas, a
header equal to the card's columns in their order, and no blank line.
"""

import csv
import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from securefed.adapters.data_files.cells import expected, fits
from securefed.domain.canonical import prefixed
from securefed.domain.identifiers import Digest
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, Measured
from securefed.errors import DataUnreadable

DATASET_KIND = "dataset"

_LONGEST_RECORD = 1_000_000


class Reading:
    """One pass over one file."""

    def __init__(self, name: str, columns: tuple[Column, ...], unit: PrivacyUnit) -> None:
        self._name = name
        self._columns = columns
        self._unit = unit
        self._hash = hashlib.sha256(prefixed(DATASET_KIND, b""))
        self._line = 0
        self._pending = 0

    def measured(self, stream: BinaryIO) -> Measured:
        """Everything about the file, or the first thing that is wrong with it."""
        rows = self._rows(stream)
        self._check_header(next(rows, None))
        records, units = self._counted(rows)
        if records < 2:
            raise self._wrong("a header and at least two records")
        digest = Digest("sha256:" + self._hash.hexdigest())
        return Measured(records=records, units=records if units is None else units, digest=digest)

    def _counted(self, rows: Iterator[list[str]]) -> tuple[int, int | None]:
        names = [str(column.name) for column in self._columns]
        place = None if self._unit.column is None else names.index(self._unit.column)
        records, units = 0, set[bytes]()
        for row in rows:
            self._check_record(row, place)
            records += 1
            if place is not None:
                units.add(hashlib.blake2b(row[place].encode(), digest_size=16).digest())
        return records, None if place is None else len(units)

    def _rows(self, stream: BinaryIO) -> Iterator[list[str]]:
        reader = csv.reader(self._lines(stream), strict=True)
        while True:
            # The csv module's own words may quote the file, so none of them is passed on.
            broken, row = False, None
            try:
                row = next(reader, None)
            except csv.Error:
                broken = True
            if broken:
                raise self._wrong("comma-separated values with closed quotes")
            if row is None:
                return
            self._pending = 0
            yield row

    def _lines(self, stream: BinaryIO) -> Iterator[str]:
        while data := stream.readline(_LONGEST_RECORD + 1):
            self._line += 1
            self._hash.update(data)
            self._pending += len(data)
            if self._pending > _LONGEST_RECORD:
                raise self._wrong(f"a record of at most {_LONGEST_RECORD:,} bytes")
            if b"\0" in data:
                raise self._wrong("text without NUL bytes")
            text = _decoded(data)
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

    def _check_record(self, row: list[str], unit: int | None) -> None:
        if len(row) != len(self._columns):
            raise self._wrong(f"{len(self._columns)} cells, not {len(row)}")
        for column, cell in zip(self._columns, row, strict=True):
            if not fits(column.type, cell):
                raise self._wrong(expected(column.type), column.name)
        if unit is not None and not row[unit].strip():
            raise self._wrong("a privacy unit in every record", self._columns[unit].name)

    def _wrong(self, wanted: str, column: str = "") -> DataUnreadable:
        place = f"{self._name}, line {max(self._line, 1)}"
        return DataUnreadable(
            f"Expected {wanted}", where=f"{place}, column {column!r}" if column else place
        )


def _decoded(data: bytes) -> str | None:
    # An error of decoding would carry the bytes along.
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
