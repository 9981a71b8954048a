"""Where records come from, as a Protocol: a dataset that is opened once and read at random.

Promises memory in proportion to the number of records and units (some bytes each), never to the
file; and that what is read later is what was checked when it was opened.
"""

from types import TracebackType
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from securefed.domain.identifiers import Digest
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column
from securefed.recipes.records import Records

Numbers: TypeAlias = NDArray[np.int64]


class RecordSource(Protocol):
    """An open dataset. Records and units are counted from zero."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, as on the data card."""
        ...

    @property
    def unit(self) -> PrivacyUnit:
        """Whose presence is hidden."""
        ...

    @property
    def records(self) -> int:
        """How many records there are."""
        ...

    @property
    def units(self) -> int:
        """How many units there are."""
        ...

    @property
    def digest(self) -> Digest:
        """What identifies the bytes, as on the data card."""
        ...

    def of_unit(self, unit: int) -> Numbers:
        """The numbers of a unit's records, all of them, in order."""
        ...

    def take(self, numbers: Numbers) -> Records:
        """These records, in this order. Raises DataDrifted where the file is no longer the one that
        was opened."""
        ...

    def close(self) -> None:
        """Lets go of the files."""
        ...

    def __enter__(self) -> "RecordSource": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
