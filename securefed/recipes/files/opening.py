"""A data file by its name: opened as a source of records, or only measured.

The suffix says what a file is, `.csv` or `.parquet`; content is never guessed at. Measuring reads
and checks exactly what opening does, and keeps nothing.
"""

from pathlib import Path
from typing import BinaryIO

from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, Measured
from securefed.errors import DataUnreadable
from securefed.recipes.files.csv_source import CsvSource
from securefed.recipes.files.csv_table import CsvTable
from securefed.recipes.files.grouping import Grouping
from securefed.recipes.files.source import RecordSource

_CSV, _PARQUET = ".csv", ".parquet"


def open_source(
    path: Path, columns: tuple[Column, ...], unit: PrivacyUnit, directory: Path | None = None
) -> RecordSource:
    """The records of a file. The directory is for a temporary copy, where one is needed."""
    if _suffix(path) == _CSV:
        return CsvSource(path, columns, unit)
    # Loading pyarrow takes longer than reading most CSV files.
    from securefed.recipes.files.parquet_source import ParquetSource

    return ParquetSource(path, columns, unit, directory)


def measured(
    stream: BinaryIO, path: Path, columns: tuple[Column, ...], unit: PrivacyUnit
) -> Measured:
    """How many records and units a file has, and its digest."""
    read = _measured_csv if _suffix(path) == _CSV else _measured_parquet
    return read(stream, str(path), columns, unit)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (_CSV, _PARQUET):
        raise DataUnreadable(
            f"Expected a file that ends with {_CSV} or {_PARQUET}", where=str(path)
        )
    return suffix


def _measured_csv(
    stream: BinaryIO, name: str, columns: tuple[Column, ...], unit: PrivacyUnit
) -> Measured:
    grouping = Grouping(by_value=unit.column is not None)
    table = CsvTable(stream, name, columns, unit)
    for value in table:
        grouping.add(value)
    return Measured(records=grouping.records, units=grouping.units, digest=table.digest)


def _measured_parquet(
    stream: BinaryIO, name: str, columns: tuple[Column, ...], unit: PrivacyUnit
) -> Measured:
    from securefed.recipes.files.parquet_table import ParquetTable, parquet_digest, unit_values

    digest = parquet_digest(stream)
    stream.seek(0)
    grouping = Grouping(by_value=unit.column is not None)
    for batch in ParquetTable(stream, name, columns, unit):
        for value in unit_values(batch, unit):
            grouping.add(value)
    return Measured(records=grouping.records, units=grouping.units, digest=digest)
