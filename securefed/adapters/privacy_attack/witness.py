"""A dataset with a gate before it, which remembers which steps were let through and who was read.

Promises to see every record that an engine reads from its source, and nothing of what it does with
them: that is for the canaries to show.
"""

import numpy as np
from numpy.typing import NDArray

from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column
from securefed.errors import BudgetInsufficient
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.files.source import Numbers
from securefed.recipes.records import Records

RECORD = PrivacyUnit(column=None, bound=1)


class Witness(MemorySource):
    """Source and gate of one run, to which so many steps are granted."""

    def __init__(self, records: Records, columns: tuple[Column, ...], granted: int) -> None:
        super().__init__(records, columns, RECORD)
        self._granted = granted
        self.passed: list[int] = []
        self.finished: list[int] = []
        self.read_early = 0
        self._read: list[NDArray[np.int64]] = []

    def before_step(self, step: int) -> None:
        """Lets the granted steps through, each once."""
        if len(self.passed) == self._granted:
            raise BudgetInsufficient("The audit grants no further step")
        self.passed.append(step)
        self._read.append(np.zeros(self.units, np.int64))

    def take(self, numbers: Numbers) -> Records:
        """These records; notes that they were read in this step."""
        if self._read:
            np.add.at(self._read[-1], numbers, 1)
        else:
            self.read_early += len(numbers)
        return super().take(numbers)

    def reads(self) -> NDArray[np.int64]:
        """How often each record was read in each step: [steps, records]."""
        return np.array(self._read, np.int64).reshape(len(self._read), self.units)
