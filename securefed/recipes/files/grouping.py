"""Which records belong to which unit, in a few bytes for each record and unit.

Units are counted in order of first appearance and known by a hash of 16 bytes, so that the memory
does not depend on how long their names are. Values that are the same to a reader are the same unit,
however they are spelt: 7 and 007 in a column of whole numbers, true and 1 in one of truths.
"""

import hashlib
from array import array

import numpy as np

from securefed.recipes.files.source import Numbers
from securefed.recipes.records import Cell


class Members:
    """The records of each unit. Without an order every record is a unit."""

    def __init__(self, records: int, order: Numbers | None, starts: Numbers | None) -> None:
        self._order, self._starts = order, starts
        self.records = records
        self.units = records if starts is None else len(starts) - 1

    def of(self, unit: int) -> Numbers:
        """The numbers of a unit's records, in order; at a cost that does not depend on them."""
        if not 0 <= unit < self.units:
            raise IndexError(f"there is no unit {unit} among {self.units}")
        if self._order is None or self._starts is None:
            return np.array([unit], np.int64)
        return self._order[self._starts[unit] : self._starts[unit + 1]]


class Grouping:
    """Counts records and units as they pass."""

    def __init__(self, *, by_value: bool) -> None:
        """Groups by value, or makes every record a unit of its own."""
        self._by_value = by_value
        self._known: dict[bytes, int] = {}
        self._owners = array("q")
        self.records = 0

    @property
    def units(self) -> int:
        """How many units have passed."""
        return len(self._known) if self._by_value else self.records

    def add(self, value: Cell) -> None:
        """The next record, with its unit's value where units have one."""
        self.records += 1
        if self._by_value:
            # Zero has two spellings even as a double.
            told = "0" if value == 0 else str(value)
            key = hashlib.blake2b(told.encode(), digest_size=16).digest()
            self._owners.append(self._known.setdefault(key, len(self._known)))

    def members(self) -> Members:
        """The records that have passed, by unit."""
        if not self._by_value:
            return Members(self.records, None, None)
        owners = np.frombuffer(self._owners, np.int64)
        order = np.argsort(owners, kind="stable").astype(np.int64, copy=False)
        order.setflags(write=False)
        starts = np.zeros(self.units + 1, np.int64)
        np.cumsum(np.bincount(owners, minlength=self.units), out=starts[1:])
        return Members(self.records, order, starts)
