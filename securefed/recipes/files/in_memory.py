"""A dataset that lies in memory: for made-up records, and for tests of whatever reads a source."""

import numpy as np

from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Digest
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column
from securefed.ports.closing import Closing
from securefed.recipes.files.source import Numbers
from securefed.recipes.records import Records


class MemorySource(Closing):
    """Serves records that are there already."""

    def __init__(self, records: Records, columns: tuple[Column, ...], unit: PrivacyUnit) -> None:
        self.columns, self.unit = columns, unit
        self._all = records
        self._members = _members(records, unit)

    @property
    def records(self) -> int:
        """How many records there are."""
        return len(self._all)

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(self._members)

    @property
    def digest(self) -> Digest:
        """A digest of the values' text."""
        told = repr(sorted((name, list(cells)) for name, cells in self._all.columns.items()))
        return digest_of("records-in-memory", told.encode())

    def of_unit(self, unit: int) -> Numbers:
        """The numbers of a unit's records."""
        return self._members[unit]

    def take(self, numbers: Numbers) -> Records:
        """These records."""
        return self._all.picked(numbers.tolist())

    def close(self) -> None:
        """Nothing is open."""


def _members(records: Records, unit: PrivacyUnit) -> list[Numbers]:
    if unit.column is None:
        return [np.array([number], np.int64) for number in range(len(records))]
    found: dict[object, list[int]] = {}
    for number, value in enumerate(records.columns[unit.column]):
        found.setdefault(value, []).append(number)
    return [np.array(numbers, np.int64) for numbers in found.values()]
