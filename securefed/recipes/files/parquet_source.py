"""Records of a Parquet file at random, by way of a copy that can be read at any place.

Parquet is compressed in groups of many records, so that one record would cost a group. Opening
therefore reads and checks the file once and copies what it read into a temporary file, which takes
as much room as the records without compression. Memory holds nothing for a record without a unit's
column, and with one what a CSV file's units need.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from securefed.domain.identifiers import Digest
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column
from securefed.ports.closing import Closing
from securefed.recipes.files.arrow_copy import ArrowCopy
from securefed.recipes.files.data_file import DataFile, unreadable
from securefed.recipes.files.grouping import Grouping
from securefed.recipes.files.parquet_table import ParquetTable, parquet_digest, unit_values
from securefed.recipes.files.source import Numbers
from securefed.recipes.records import Records


class ParquetSource(Closing):
    """A Parquet file that is open."""

    def __init__(
        self,
        path: Path,
        columns: tuple[Column, ...],
        unit: PrivacyUnit,
        directory: Path | None = None,
    ) -> None:
        """Reads all of it; raises DataUnreadable for the first thing that is wrong. The directory
        is where the copy lies; without one, the system's for temporary files."""
        self.columns, self.unit = columns, unit
        grouping = Grouping(by_value=unit.column is not None)
        with ExitStack() as opened:
            self._file = opened.enter_context(DataFile(path))
            self.digest = self._digest()
            with self._file.stream() as stream:
                table = ParquetTable(stream, str(path), columns, unit)
                self._copy = ArrowCopy(_counted(table, unit, grouping), table.schema, directory)
            self._members = grouping.members()
            self._file.check_unchanged()
            opened.pop_all()

    def _digest(self) -> Digest:
        try:
            with self._file.stream() as stream:
                return parquet_digest(stream)
        except OSError as error:
            raise unreadable(self._file.path, error) from error

    @property
    def records(self) -> int:
        """How many records there are."""
        return self._members.records

    @property
    def units(self) -> int:
        """How many units there are."""
        return self._members.units

    def of_unit(self, unit: int) -> Numbers:
        """The numbers of a unit's records."""
        return self._members.of(unit)

    def take(self, numbers: Numbers) -> Records:
        """These records, from the copy, as long as the file is still what was copied."""
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < self.records:
            raise IndexError(f"not all of the numbers are below {self.records}")
        self._file.check_unchanged()
        return Records(columns=self._copy.rows(numbers), folder=self._file.path.parent)

    def close(self) -> None:
        """Lets go of the file and of the copy."""
        self._file.close()
        self._copy.close()


def _counted(table: ParquetTable, unit: PrivacyUnit, grouping: Grouping) -> Iterator[Any]:
    for batch in table:
        for value in unit_values(batch, unit):
            grouping.add(value)
        yield batch
