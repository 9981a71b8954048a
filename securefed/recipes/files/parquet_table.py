"""A Parquet table read once, batch by batch, every batch checked as it passes.

Promises that a batch which passes has the card's columns in their order and one type for each kind
of column, and holds what a CSV file could hold: finite numbers, UTF-8 without NUL, words of one
line. An empty text is a missing value, as it is there. An error names the file, the records, the
column and what was expected, never a value; and columns that hold columns are refused.

One batch of at most 1,024 records is in memory, and one page of each column.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from securefed.domain.canonical import prefixed
from securefed.domain.identifiers import Digest
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType
from securefed.errors import DataUnreadable
from securefed.recipes.files.cells import FORMS
from securefed.recipes.files.csv_table import DATASET_KIND, FEWEST_RECORDS
from securefed.recipes.records import Cell

_BATCH = 1024
_BUFFER = 1 << 20
_TEXTS = (pa.string(), pa.large_string())
_WHOLE = (
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
    *(pa.uint8(), pa.uint16(), pa.uint32()),
)
# Which types fit, their name to people, and the one that a batch has when it has passed. Whole
# numbers in place of a word are its digits: many a file numbers its patients.
_TYPES: dict[ColumnType, tuple[tuple[Any, ...], str, Any]] = {
    ColumnType.INTEGER: (_WHOLE, "integers of at most 63 bits", pa.int64()),
    ColumnType.DECIMAL: ((pa.float32(), pa.float64()), "float or double", pa.float64()),
    ColumnType.BOOLEAN: ((pa.bool_(),), "bool", pa.bool_()),
    ColumnType.CATEGORY: ((*_TEXTS, *_WHOLE), "string or integers", pa.large_string()),
    ColumnType.TEXT: (_TEXTS, "string", pa.large_string()),
    ColumnType.IDENTIFIER: ((*_TEXTS, *_WHOLE), "string or integers", pa.large_string()),
}


def parquet_digest(stream: BinaryIO) -> Digest:
    """The digest of a file's bytes, as a CSV file has it."""
    found = hashlib.sha256(prefixed(DATASET_KIND, b""))
    while part := stream.read(_BUFFER):
        found.update(part)
    return Digest("sha256:" + found.hexdigest())


def unit_values(batch: Any, unit: PrivacyUnit) -> Sequence[Cell]:
    """The value of each record's unit, if units have one."""
    if unit.column is None:
        return [None] * len(batch)
    values: Sequence[Cell] = batch.column(unit.column).to_pylist()
    return values


class ParquetTable:
    """One pass over one file."""

    def __init__(
        self, stream: BinaryIO, name: str, columns: tuple[Column, ...], unit: PrivacyUnit
    ) -> None:
        self._stream, self._name, self._columns, self._unit = stream, name, columns, unit.column
        self.schema = pa.schema([(column.name, _TYPES[column.type][2]) for column in columns])

    def __iter__(self) -> Iterator[Any]:
        records = 0
        for batch in self._read():
            where = f"{self._name}, records {records + 1} to {records + batch.num_rows}"
            records += batch.num_rows
            yield self._checked(batch, where)
        if records < FEWEST_RECORDS:
            raise DataUnreadable("Expected at least two records", where=self._name)

    def _read(self) -> Iterator[Any]:
        """Batches with the right columns. Arrow's own words may quote the file, so none of them is
        passed on."""
        batches: Iterator[Any] | None = None
        while True:
            broken, batch = False, None
            try:
                batches = self._opened() if batches is None else batches
                batch = next(batches, None)
            except (pa.ArrowException, OSError, UnicodeDecodeError):
                broken = True
            if broken:
                raise DataUnreadable("Expected a whole Parquet file", where=self._name)
            if batch is None:
                return
            yield batch

    def _opened(self) -> Iterator[Any]:
        file = pq.ParquetFile(self._stream, buffer_size=_BUFFER, pre_buffer=False)
        self._check_schema(file.schema_arrow)
        batches: Iterator[Any] = file.iter_batches(batch_size=_BATCH, use_threads=False)
        return batches

    def _check_schema(self, schema: Any) -> None:
        names = schema.names
        for place, column in enumerate(self._columns):
            if place >= len(names) or names[place] != column.name:
                wanted = f"column {place + 1} to be {column.name!r}, as on the card"
                raise DataUnreadable(f"Expected {wanted}", where=self._name)
            _check_type(column, schema.types[place], self._name)
        if len(names) > len(self._columns):
            wanted = f"the card's {len(self._columns)} columns, not {len(names)}"
            raise DataUnreadable(f"Expected {wanted}", where=self._name)

    def _checked(self, batch: Any, where: str) -> Any:
        arrays = []
        for column, array in zip(self._columns, batch.columns, strict=True):
            place = f"{where}, column {column.name!r}"
            # The reader does not look whether a string is UTF-8.
            if not _is_sound(array):
                raise DataUnreadable("Expected undamaged values, text in UTF-8", where=place)
            made = _uniform(array, self.schema.field(column.name).type)
            if not _holds(column.type, made):
                raise DataUnreadable(f"Expected {FORMS[column.type].expected}", where=place)
            if column.name == self._unit and _lacks_some(made):
                raise DataUnreadable("Expected a privacy unit in every record", where=place)
            arrays.append(made)
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _check_type(column: Column, found: Any, name: str) -> None:
    fitting, wanted, _ = _TYPES[column.type]
    plain = found.value_type if pa.types.is_dictionary(found) else found
    if plain not in fitting:
        # A nested type is told by its kind alone: it names columns that are on no card.
        told = "a nested type" if pa.types.is_nested(plain) else str(plain)
        raise DataUnreadable(
            f"Expected {wanted}, not {told}", where=f"{name}, column {column.name!r}"
        )


def _is_sound(array: Any) -> bool:
    try:
        array.validate(full=True)
        if pa.types.is_dictionary(array.type):
            array.dictionary.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _uniform(array: Any, kind: Any) -> Any:
    made = array.cast(kind)
    if kind == pa.large_string():
        return pc.if_else(pc.equal(made, ""), pa.scalar(None, kind), made)
    return made


def _holds(kind: ColumnType, array: Any) -> bool:
    if kind is ColumnType.DECIMAL:
        return bool(pc.all(pc.is_finite(array), min_count=0).as_py())
    if kind in (ColumnType.INTEGER, ColumnType.BOOLEAN):
        return True
    fits = FORMS[kind].fits
    return all(fits(cell) for cell in array.unique().to_pylist() if cell is not None)


def _lacks_some(array: Any) -> bool:
    if array.null_count:
        return True
    texts = array.type == pa.large_string()
    return texts and not all(cell.strip() for cell in array.unique().to_pylist())
