"""A round's files in a private folder, one process at a time.

A file is written under another name, flushed to the disk and then renamed, and so is the folder's
own entry. Promises that a crash at any moment leaves the old file, the new one, or a draft that the
next start removes; that nobody but the account can read them; that links are not followed.
"""

import fcntl
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from securefed.errors import NotFound, RoundBusy, StorageFailed

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,120}", re.ASCII)
_DRAFT = ".draft"
_LOCK = ".lock"


@contextmanager
def folder_files(folder: Path) -> Iterator["FolderFiles"]:
    """The files of a folder, made if it is not there, while nobody else has them in use."""
    with _storing(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _lock(descriptor, folder)
        yield FolderFiles(folder)
    finally:
        os.close(descriptor)


class FolderFiles:
    """The files of a folder that this process has to itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _storing(folder):
            for left in folder.glob(f"*{_DRAFT}"):
                left.unlink()

    def names(self) -> list[str]:
        """The files that are there, sorted; drafts are none."""
        with _storing(self._folder):
            found = [path.name for path in self._folder.iterdir()]
        return sorted(name for name in found if _NAME.fullmatch(name) and _whole(name))

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        """Writes a file beside its place, flushes it and renames it."""
        path = self._path(name)
        draft = path.with_name(path.name + _DRAFT)
        try:
            with _storing(path):
                draft.unlink(missing_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                descriptor = os.open(draft, flags, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                # What makes the parts can fail in its own way, which is not the disk's.
                for part in parts:
                    with _storing(path):
                        file.write(part)
                with _storing(path):
                    file.flush()
                    os.fsync(file.fileno())
            self._renamed(draft, path)
        finally:
            draft.unlink(missing_ok=True)

    def move(self, name: str, to: str) -> None:
        """Renames a file."""
        self._renamed(self._path(name), self._path(to))

    def remove(self, *names: str) -> None:
        """Removes files that are there, and flushes the folder once."""
        with _storing(self._folder):
            for name in names:
                self._path(name).unlink(missing_ok=True)
            _flush(self._folder)

    def opener(self, name: str) -> Callable[[], BinaryIO]:
        """What opens the file; it carries the path alone."""
        return partial(_opened, self._path(name))

    def _renamed(self, path: Path, to: Path) -> None:
        with _storing(to):
            path.replace(to)
            _flush(self._folder)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name) or not _whole(name):
            raise NotFound(f"No file of a round is named {name[:80]!a}")
        return self._folder / name


def _opened(path: Path) -> BinaryIO:
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
    except FileNotFoundError as error:
        raise NotFound("The round has no such file", where=path.name) from error
    except OSError as error:
        raise StorageFailed(f"Cannot read: {error.strerror}", where=path.name) from error


def _whole(name: str) -> bool:
    return not name.endswith(_DRAFT)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise RoundBusy("The round's files are in use", where=folder.name) from error


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _storing(path: Path) -> Iterator[None]:
    """What the disk says, as ours."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=path.name) from error
