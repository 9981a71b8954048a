"""Records of a CSV file at random, from nothing in memory but where each record begins.

Opening reads and checks the whole file once. It keeps eight bytes for each record and, where units
are named by a column, eight more and eight for each unit; while it reads, about 130 for each unit
and 20 for each record besides. A record is parsed when it is asked for, and checked again, in a
file that is checked to be the same.
"""

from array import array
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from securefed.domain.identifiers import Digest
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column
from securefed.errors import DataDrifted
from securefed.ports.closing import Closing
from securefed.recipes.files.csv_table import CsvTable, forms_of, record_in
from securefed.recipes.files.data_file import DataFile, unreadable
from securefed.recipes.files.grouping import Grouping, Members
from securefed.recipes.files.source import Numbers
from securefed.recipes.records import Cell, Records


class CsvSource(Closing):
    """A CSV file that is open."""

    def __init__(self, path: Path, columns: tuple[Column, ...], unit: PrivacyUnit) -> None:
        """Reads all of it; raises DataUnreadable for the first thing that is wrong."""
        self.columns, self.unit = columns, unit
        self._forms = forms_of(columns)
        with ExitStack() as opened:
            self._file = opened.enter_context(DataFile(path))
            try:
                self.digest, self._places, self._members = self._indexed()
            except OSError as error:
                raise unreadable(path, error) from error
            self._file.check_unchanged()
            opened.pop_all()

    def _indexed(self) -> tuple[Digest, Numbers, Members]:
        """The digest, where each record begins and the last ends, and the records by unit."""
        grouping = Grouping(by_value=self.unit.column is not None)
        places = array("q", [0])
        with self._file.stream() as stream:
            table = CsvTable(stream, str(self._file.path), self.columns, self.unit)
            for value in table:
                grouping.add(value)
                places.append(table.position)
        places[0] = table.first
        return table.digest, np.frombuffer(places, np.int64), grouping.members()

    @property
    def records(self) -> int:
        """How many records there are."""
        return len(self._places) - 1

    @property
    def units(self) -> int:
        """How many units there are."""
        return self._members.units

    def of_unit(self, unit: int) -> Numbers:
        """The numbers of a unit's records."""
        return self._members.of(unit)

    def take(self, numbers: Numbers) -> Records:
        """These records, read now."""
        rows = [self._row(number) for number in numbers.tolist()]
        # After reading: a change before it, or while it lasted, shows now.
        self._file.check_unchanged()
        cells = list(zip(*rows, strict=True)) or [()] * len(self.columns)
        names = [str(column.name) for column in self.columns]
        return Records(columns=dict(zip(names, cells, strict=True)), folder=self._file.path.parent)

    def _row(self, number: int) -> list[Cell]:
        if not 0 <= number < self.records:
            raise IndexError(f"there is no record {number} among {self.records}")
        start, end = self._places[number : number + 2].tolist()
        where = f"{self._file.path}, record {number + 1}"
        try:
            row = record_in(self._file.part(start, end), self._forms)
        except OSError as error:
            raise unreadable(self._file.path, error) from error
        if row is None:
            raise DataDrifted("The record has changed since the file was opened", where=where)
        return row

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()
