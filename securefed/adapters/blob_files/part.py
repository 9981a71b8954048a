"""A blob's file while it comes in, and what all files of blobs have in common.

The file is locked as long as a writer has it, also against other processes; the lock goes with the
process. Promises that a blob is renamed to its name only when every byte has been hashed and
flushed. What came before this writer is hashed again from the disk, since a crash of the machine
may have spoiled it.
"""

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from securefed.errors import (
    BlobBusy,
    BlobDamaged,
    BlobLengthWrong,
    NotFound,
    StorageFailed,
    TicketSpent,
)


class FileWriter:
    """A BlobWriter at the end of a part. It may be closed while another thread still writes."""

    def __init__(
        self, part: Path, whole: Path, length: int, closed: Callable[[Path], None]
    ) -> None:
        self._part, self._whole, self._length, self._closed = part, whole, length, closed
        self._lock = threading.Lock()
        self._file = _locked(part, whole)
        with storing(part):
            if self._file.seek(0, os.SEEK_END) > length:
                self._file.truncate(0)
                self._file.seek(0)
            self._held = self._file.tell()
        self._hash: hashlib._Hash | None = None

    @property
    def held(self) -> int:
        """How many bytes are there."""
        return self._held

    def write(self, data: bytes) -> None:
        """Adds bytes to the file and to the digest."""
        with self._lock:
            if self._held + len(data) > self._length:
                raise BlobLengthWrong(f"More than the announced {self._length} bytes came")
            digest = self._digest()
            with storing(self._whole):
                rest = memoryview(data)
                while rest:
                    rest = rest[self._file.write(rest) :]
            digest.update(data)
            self._held += len(data)

    def finish(self) -> None:
        """Gives the file its name, if its bytes are the right ones."""
        with self._lock:
            if self._held != self._length:
                raise BlobLengthWrong(f"{self._held} of {self._length} bytes came")
            if self._digest().hexdigest() != self._whole.name:
                with storing(self._part):
                    self._part.unlink()
                raise BlobDamaged("The bytes do not have the announced SHA-256")
            with storing(self._part):
                os.fsync(self._file.fileno())
                self._part.rename(self._whole)
                flush_folder(self._whole.parent)

    def close(self) -> None:
        """Lets the lock go."""
        with self._lock:
            # Before the lock goes: afterwards it would be the next writer's announcement.
            self._closed(self._whole)
            self._file.close()

    def _digest(self) -> "hashlib._Hash":
        if self._hash is None:
            with storing(self._part):
                self._file.seek(0)
                self._hash = hashlib.file_digest(self._file, "sha256")
        return self._hash


def opened(path: Path, name: str) -> BinaryIO:
    """A file for reading; never what a link points to."""
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
    except FileNotFoundError as error:
        raise NotFound(
            "The blob is not there, or not whole yet", where=name, hint="See how the round stands."
        ) from error
    except OSError as error:
        raise StorageFailed(f"Cannot read: {error.strerror}", where=path.name) from error


def flush_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """What the disk says, as ours. Only the file's name is told: others read it."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"The site's disk failed: {error.strerror}", where=path.name) from error


def _locked(part: Path, whole: Path) -> FileIO:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with storing(part):
        file = os.fdopen(os.open(part, flags, 0o600), "r+b", buffering=0)
    try:
        _lock(file, part)
        if whole.exists():
            part.unlink(missing_ok=True)
            raise TicketSpent("The blob is there already", where=part.stem)
    except BaseException:
        file.close()
        raise
    return file


def _lock(file: FileIO, part: Path) -> None:
    busy = BlobBusy("Another upload of this blob is under way", where=part.stem)
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between the opening and the lock, another writer may have finished this very file.
        if not os.path.samestat(os.fstat(file.fileno()), part.stat()):
            raise busy
    except OSError as error:
        raise busy from error
