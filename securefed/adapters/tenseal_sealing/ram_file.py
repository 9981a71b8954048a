"""A file in memory by which SEAL's objects are filled and read: its Python form takes paths only.

Promises that what is written touches no disk where the system has memory files, and is private to
the account otherwise; that nothing is left behind once it is closed or forgotten; that threads wait
for each other, and a forked process gets a file of its own.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Self
from weakref import finalize

_DESCRIPTORS = Path("/proc/self/fd")


class RamFile:
    """One file, written and read again and again."""

    def __init__(self) -> None:
        self._open()

    def put(self, content: bytes, load: Callable[[str], None]) -> None:
        """Has something loaded from these bytes."""
        with self._own_lock():
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, content, 0)
            load(self._path)

    def taken(self, save: Callable[[str], None]) -> bytes:
        """What something saves."""
        with self._own_lock():
            os.ftruncate(self._descriptor, 0)
            save(self._path)
            return os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)

    def close(self) -> None:
        """Removes the file; so does forgetting it."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        self._process = os.getpid()
        self._lock = Lock()
        folder = None
        if hasattr(os, "memfd_create") and _DESCRIPTORS.is_dir():
            self._descriptor = os.memfd_create("securefed", os.MFD_CLOEXEC)
            self._path = str(_DESCRIPTORS / str(self._descriptor))
        else:
            folder = tempfile.mkdtemp()
            self._path = f"{folder}/seal"
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._end = finalize(self, _remove, self._descriptor, folder)

    def _own_lock(self) -> Lock:
        # Parent and child of a fork have the same file open, and would read each other's numbers.
        if os.getpid() != self._process:
            self._end.detach()
            os.close(self._descriptor)
            self._open()
        return self._lock


def _remove(descriptor: int, folder: str | None) -> None:
    os.close(descriptor)
    if folder is not None:
        shutil.rmtree(folder)
