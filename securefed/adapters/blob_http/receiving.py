"""A file while it is fetched: beside its place, private, and in its place only when it is right.

What came stays in `NAME.part` when the fetching breaks off, for the next call; the file is locked,
so that two calls do not write into each other.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from securefed.errors import BlobBusy, StorageFailed


@contextmanager
def receiving(target: Path) -> Iterator[tuple[FileIO, Callable[[], None]]]:
    """The file to write into, and what puts it in its place."""
    part = target.with_name(f"{target.name}.part")
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with stored(target):
        file = os.fdopen(os.open(part, flags, 0o600), "r+b", buffering=0)
    with file:
        _lock(file, target)

        def keep() -> None:
            with stored(target):
                os.fsync(file.fileno())
                part.replace(target)
                _flush(target.parent)

        yield file, keep


def digest_so_far(file: FileIO, length: int) -> tuple["hashlib._Hash", int]:
    """The running digest of what is there, and how much that is; the file stands at its end."""
    with stored(Path("the fetched file")):
        if os.fstat(file.fileno()).st_size > length:
            file.truncate(0)
        file.seek(0)
        return hashlib.file_digest(file, "sha256"), file.seek(0, os.SEEK_END)


@contextmanager
def stored(path: Path) -> Iterator[None]:
    """What this machine's disk says, as ours."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"The disk here failed: {error.strerror}", where=path.name) from error


def write_all(file: FileIO, data: memoryview) -> None:
    """Every byte: one call may write fewer."""
    with stored(Path("the fetched file")):
        while data:
            data = data[file.write(data) :]


def _lock(file: FileIO, target: Path) -> None:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise BlobBusy("Another call fetches this file", where=target.name) from error


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
