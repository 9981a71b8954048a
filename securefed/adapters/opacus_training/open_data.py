"""The data of a run's rounds, opened once: reading a large file anew for each round takes longer
than the round.

Promises the file whose digest was asked for, or none. A file that has changed since it was opened,
even by its times alone, is opened and read anew, and then its digest decides.
"""

from pathlib import Path

import numpy as np

from securefed.domain.identifiers import Digest
from securefed.domain.run_order import RunOrder
from securefed.errors import DataDrifted
from securefed.recipes.files.opening import open_source
from securefed.recipes.files.source import RecordSource


class OpenData:
    """The source of the last round."""

    def __init__(self) -> None:
        self._source: RecordSource | None = None
        self._path = ""

    def source(self, order: RunOrder) -> RecordSource:
        """That of an order. Raises DataDrifted where the file is not the one that it names."""
        source = self._source
        if source is None or not self._is_for(order, source):
            self.close()
            source = open_source(Path(order.data), order.columns, order.unit)
            self._source, self._path = source, order.data
        _refuse_other(source, order.digest)
        return source

    def close(self) -> None:
        """Lets go of the file."""
        if self._source is not None:
            self._source.close()
            self._source = None

    def _is_for(self, order: RunOrder, source: RecordSource) -> bool:
        asked = (order.data, order.columns, order.unit)
        if asked != (self._path, source.columns, source.unit):
            return False
        try:
            # Of no record: what is asked is whether the file is still the same.
            source.take(np.empty(0, np.int64))
        except DataDrifted:
            return False
        return True


def _refuse_other(source: RecordSource, wanted: Digest) -> None:
    if source.digest != wanted:
        raise DataDrifted("The data file is not the one that the plan names")
