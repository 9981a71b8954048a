"""A file in memory by which SEAL's objects are filled and read: its Python form takes paths only.

Promises that what is written touches no disk where the system has memory files, and is private to
the account otherwise; that nothing is left behind once it is closed; and that a forked process gets
a file of its own. One thread at a time.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Self
from weakref import finalize


class RamFile:
    """One file, written and read again and again."""

    def __init__(self) -> None:
        self._open()

    def put(self, content: bytes, load: Callable[[str], None]) -> None:
        """Has something loaded from these bytes."""
        os.pwrite(self._emptied(), content, 0)
        load(self._path)

    def taken(self, save: Callable[[str], None]) -> bytes:
        """What something saves."""
        descriptor = self._emptied()
        save(self._path)
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)

    def close(self) -> None:
        """Removes the file; so does forgetting it."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        self._process = os.getpid()
        if hasattr(os, "memfd_create"):
            folder = None
            self._descriptor = os.memfd_create("securefed", os.MFD_CLOEXEC)
            # By the process's number: SEAL opens the path in this process, whatever thread asks.
            self._path = f"/proc/{self._process}/fd/{self._descriptor}"
        else:
            folder = tempfile.mkdtemp()
            self._path = f"{folder}/seal"
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._end = finalize(self, _remove, self._descriptor, folder)

    def _emptied(self) -> int:
        # Parent and child of a fork have the same file open, and would read each other's numbers.
        if os.getpid() != self._process:
            self._end.detach()
            os.close(self._descriptor)
            self._open()
        os.ftruncate(self._descriptor, 0)
        return self._descriptor


def _remove(descriptor: int, folder: str | None) -> None:
    os.close(descriptor)
    if folder is not None:
        shutil.rmtree(folder)
