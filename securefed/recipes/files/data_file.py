"""A data file that is open, and knows when it is no longer the file that was opened.

A change shows in the inode that the path leads to, in the size, or in the times of the last change
of content or attributes; the latter cannot be set by hand. So a change that is undone with its time
restored shows too, and touching the file is a change. A link is followed: where a card's path leads
is up to its owner, and leading it elsewhere is a change.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO, TypeAlias

from securefed.errors import DataDrifted, DataUnreadable
from securefed.ports.closing import Closing

Stamp: TypeAlias = tuple[int, ...]


class DataFile(Closing):
    """A regular file, open for reading."""

    def __init__(self, path: Path) -> None:
        """Opens it; refuses what is no file or cannot be read."""
        self.path = path
        try:
            # Without waiting: a pipe would otherwise hold the run up for ever.
            self._number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise DataUnreadable("Expected a file", where=str(path)) from None
        except OSError as error:
            raise unreadable(path, error) from error
        found = os.fstat(self._number)
        self.stamp = _stamp(found)
        if not stat.S_ISREG(found.st_mode):
            self.close()
            raise DataUnreadable("Expected a file", where=str(path))

    @property
    def changed_ns(self) -> tuple[int, int]:
        """When the content was changed last, and the file in any way, in nanoseconds."""
        return self.stamp[3], self.stamp[4]

    def stream(self) -> BinaryIO:
        """The file from its start."""
        stream = os.fdopen(os.dup(self._number), "rb")
        stream.seek(0)
        return stream

    def part(self, start: int, end: int) -> bytes:
        """The bytes between two places, or fewer where the file has become shorter."""
        return os.pread(self._number, end - start, start)

    def check_unchanged(self) -> None:
        """Raises DataDrifted where the path no longer leads to the file that was opened."""
        try:
            same = _stamp(self.path.stat()) == self.stamp
        except OSError:
            same = False
        if not same:
            raise DataDrifted("The file has changed since it was opened", where=str(self.path))

    def close(self) -> None:
        """Lets go of the file; again is no harm."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1


def unreadable(path: Path, error: OSError) -> DataUnreadable:
    """An error of the disk in the words of a user."""
    reason = error.strerror or "the disk failed"
    return DataUnreadable(f"Expected a readable file: {reason}", where=str(path))


def _stamp(found: os.stat_result) -> Stamp:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
