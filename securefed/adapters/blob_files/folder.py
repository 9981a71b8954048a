"""Blobs in a folder: one folder an attempt, in it one file a blob.

    cr-7f3a90b1c2d4.3.1/<SHA-256>         a whole blob, its digest checked, on the disk
    cr-7f3a90b1c2d4.3.1/<SHA-256>.part    what came so far
    cr-7f3a90b1c2d4.3.1/<nonce>.spent     a ticket that was used to its end

Names are made of checked identifiers only, so none leads elsewhere. A blob gets its name by a
rename after its bytes were flushed; a process that is killed leaves a part and no more. Attempts
share nothing: what one may fetch is never what another left, and clearing a finished attempt
cannot touch an open one. All is 0600 in 0700. It is not encrypted: that is for the disk.
"""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from securefed.adapters.blob_files.part import FileWriter, flush_folder, opened, storing
from securefed.domain.blob import BlobId, Held, expect_room
from securefed.domain.identifiers import Digest, RequestId
from securefed.domain.round import RoundId
from securefed.errors import NotFound, TicketSpent

_ATTEMPT = re.compile(r"(cr-[0-9a-f]{12})\.([1-9][0-9]{0,11})\.([1-9][0-9]{0,11})", re.ASCII)
_PART = ".part"


class FolderBlobs:
    """A BlobStore in a folder that one process serves."""

    def __init__(self, folder: Path, quota: int) -> None:
        self._folder = folder
        self._quota = quota
        self._lock = threading.Lock()
        self._coming: dict[Path, int] = {}

    def path(self, blob: BlobId) -> Path:
        """Where a whole blob lies, for a runner that is shown the file."""
        return self._attempt(blob.of) / _hex(blob.digest)

    def held(self, blob: BlobId) -> Held:
        """How much is there."""
        whole = self.path(blob)
        with storing(whole):
            size = _size(whole)
            if size is not None:
                return Held(length=size, whole=True)
            return Held(length=_size(_part(whole)) or 0, whole=False)

    def writer(self, blob: BlobId, length: int) -> FileWriter:
        """Goes on with a blob where its part ends."""
        whole = self.path(blob)
        if self.held(blob).whole:
            raise TicketSpent("The blob is there already", where=str(blob))
        with self._lock:
            promised = self._sizes() | self._coming
            promised.pop(whole, None)
            expect_room(self._quota, sum(promised.values()), length)
            with storing(whole):
                self._make(whole.parent)
            writer = FileWriter(_part(whole), whole, length, self._forget)
            self._coming[whole] = length
            return writer

    def open(self, blob: BlobId) -> BinaryIO:
        """A whole blob, for reading."""
        return opened(self.path(blob), str(blob))

    def spend(self, of: RoundId, nonce: Digest) -> None:
        """Leaves an empty file with the nonce's name."""
        path = self._spent(of, nonce)
        if not path.parent.is_dir():
            raise NotFound("The site keeps nothing of this round", where=str(of))
        with storing(path):
            path.touch(mode=0o600)
            flush_folder(path.parent)

    def spent(self, of: RoundId, nonce: Digest) -> bool:
        """Whether the file is there."""
        return self._spent(of, nonce).exists()

    def clear(self, in_use: Callable[[RoundId], bool]) -> int:
        """Removes the folders of attempts that are over. What has another name is left alone."""
        # The folders first, the question second: a folder is only ever made for an attempt that
        # is in use, and an attempt that is over stays over. Asked the other way round, one that
        # began in between would lose its files.
        with storing(self._folder):
            folders = self._folders()
        found = [path for path in folders if not in_use(_attempt_of(path))]
        return sum(self._removed(path) for path in found)

    def _removed(self, folder: Path) -> int:
        freed = 0
        with storing(folder):
            for path in _inside(folder):
                freed += _size(path) or 0
                path.unlink(missing_ok=True)
            folder.rmdir()
        return freed

    def _make(self, attempt: Path) -> None:
        if not attempt.is_dir():
            attempt.mkdir(mode=0o700, parents=True, exist_ok=True)
            flush_folder(self._folder)

    def _folders(self) -> list[Path]:
        return [path for path in _inside(self._folder) if _ATTEMPT.fullmatch(path.name)]

    def _sizes(self) -> dict[Path, int]:
        """The size of every blob, whole or not, by the path that it has when it is whole."""
        # Files come and go meanwhile: one that is being finished is among those that are coming.
        with storing(self._folder):
            found = [path for folder in self._folders() for path in _inside(folder)]
            return {
                path.with_name(path.name.removesuffix(_PART)): _size(path) or 0 for path in found
            }

    def _forget(self, whole: Path) -> None:
        with self._lock:
            self._coming.pop(whole, None)

    def _attempt(self, of: RoundId) -> Path:
        return self._folder / f"{of.request}.{of.round}.{of.attempt}"

    def _spent(self, of: RoundId, nonce: Digest) -> Path:
        return self._attempt(of) / f"{_hex(nonce)}.spent"


def _attempt_of(folder: Path) -> RoundId:
    request, of_round, attempt = folder.name.split(".")
    return RoundId(request=RequestId(request), round=int(of_round), attempt=int(attempt))


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return None


def _hex(digest: Digest) -> str:
    return digest.removeprefix("sha256:")


def _part(whole: Path) -> Path:
    return whole.with_name(whole.name + _PART)
