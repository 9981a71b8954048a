"""Is a data file still the one on its card? Asked at every round, and read only after a change.

A file is digested whole when it is first asked about, and again when its inode, size or a time of
its last change is another one than when it was digested. What was found stays in this process's
memory: a note on disk could be older than the file. A file that was changed only just now is not
remembered, because a second change in the same tick of the clock would look the same.

This finds accidents. Whoever owns the machine can make a changed file look unchanged, and owns the
data and their budget as well; a change during a run is found by what reads the records there.
"""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from securefed.domain.canonical import prefixed
from securefed.domain.identifiers import Digest
from securefed.domain.site import DataCard
from securefed.errors import DataDrifted
from securefed.recipes.files.csv_table import DATASET_KIND
from securefed.recipes.files.data_file import DataFile, Stamp, unreadable

_JUST_NOW_NS = 2 * 10**9
_AT_A_TIME = 2**20


def file_digest(stream: BinaryIO) -> Digest:
    """The digest of a data file's bytes, as its card has it."""
    found = hashlib.sha256(prefixed(DATASET_KIND, b""))
    while part := stream.read(_AT_A_TIME):
        found.update(part)
    return Digest("sha256:" + found.hexdigest())


class FileWatch:
    """Watches files on this machine. Threads may share it: at worst a file is read twice."""

    def __init__(
        self,
        digest: Callable[[BinaryIO], Digest] = file_digest,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._digest = digest
        self._now_ns = now_ns
        self._seen: dict[Path, tuple[Stamp, Digest]] = {}

    def expect(self, card: DataCard, path: Path) -> None:
        """Raises DataDrifted where the file is another one, DataUnreadable where there is none."""
        if self._digest_of(path) != card.data:
            drifted = f"The file of {card.dataset} is not the one that version {card.version} of "
            raise DataDrifted(f"{drifted}its card describes", where=str(path))

    def _digest_of(self, path: Path) -> Digest:
        try:
            with DataFile(path) as file:
                seen = self._seen.get(path)
                if seen is not None and seen[0] == file.stamp:
                    return seen[1]
                now = self._now_ns()
                with file.stream() as stream:
                    found = self._digest(stream)
                file.check_unchanged()
                if now - max(file.changed_ns) > _JUST_NOW_NS:
                    self._seen[path] = file.stamp, found
                return found
        except OSError as error:
            raise unreadable(path, error) from error
