"""A copy of checked records in a temporary file, made to be read at any place.

The file holds uncompressed Arrow batches and is mapped into memory, where the system keeps what is
in use. It has no name from the start, nobody else can open it, and it is gone when it is let go or
the process ends. Its blocks are not wiped, so that its directory should lie on a disk as private as
the data's.
"""

import mmap
import tempfile
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from securefed.errors import StorageFailed
from securefed.recipes.files.source import Numbers
from securefed.recipes.records import Cell


class ArrowCopy:
    """Records that can be taken in any order."""

    def __init__(self, batches: Iterable[Any], schema: Any, directory: Path | None) -> None:
        """Copies all batches. Without a directory the system's for temporary files is used."""
        place = Path(tempfile.gettempdir()) if directory is None else directory
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                self._ends = _written(file, batches, schema)
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            reason = error.strerror or "the disk failed"
            raise StorageFailed(
                f"A temporary copy of the data could not be made: {reason}", where=str(place)
            ) from error
        self._names = schema.names
        self._batches: Any = pa.ipc.open_file(pa.py_buffer(mapped))

    def rows(self, numbers: Numbers) -> dict[str, list[Cell]]:
        """The cells of these records, column by column, in this order."""
        cells: dict[str, list[Cell]] = {name: [None] * len(numbers) for name in self._names}
        # In the order of the batches, so that each is looked up once.
        order = np.argsort(numbers, kind="stable")
        holders = np.searchsorted(self._ends, numbers[order], side="right")
        for places in np.split(order, np.flatnonzero(np.diff(holders)) + 1):
            self._fill(cells, places, numbers[places])
        return cells

    def _fill(self, cells: dict[str, list[Cell]], places: Numbers, numbers: Numbers) -> None:
        """Writes the cells of records from one batch to their places."""
        if not len(numbers):
            return
        holder = int(np.searchsorted(self._ends, numbers[0], side="right"))
        batch = self._batches.get_batch(holder)
        first = self._ends[holder] - batch.num_rows
        taken = batch.take(pa.array(numbers - first))
        for name, column in zip(self._names, taken.columns, strict=True):
            for place, cell in zip(places.tolist(), column.to_pylist(), strict=True):
                cells[name][place] = cell

    def close(self) -> None:
        """Lets go of the file: nothing else maps it."""
        self._batches = None


def _written(file: IO[bytes], batches: Iterable[Any], schema: Any) -> Numbers:
    """How many records lie in each batch and those before it."""
    ends, records = array("q"), 0
    with pa.ipc.new_file(pa.PythonFile(file, "w"), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            records += batch.num_rows
            ends.append(records)
    file.flush()
    return np.frombuffer(ends, np.int64)
