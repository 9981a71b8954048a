"""What a party saw of other ledgers: one file a key, with the newest checkpoint it signed of it.

Promises that a checkpoint which was kept is on the disk, whole, and that a file which cannot be
read is an error, not a ledger that was never seen.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from securefed.domain.identifiers import PublicKey
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.witnessing import LONGEST_NOTE, KeyedNote
from securefed.errors import CheckpointInvalid, StorageFailed

_LARGEST = 2 * LONGEST_NOTE


class SeenCheckpoints:
    """The checkpoints in a folder, which is made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def seen(self) -> Mapping[PublicKey, KeyedNote]:
        """The newest of each."""
        try:
            found = [self._read(path) for path in sorted(self._folder.glob("*.json"))]
        except OSError as error:
            what = f"Cannot read: {error.strerror}"
            raise StorageFailed(what, where=str(self._folder)) from error
        return {one.key: one for one in found}

    def keep(self, note: KeyedNote) -> None:
        """Replaces what was kept of one key; it is on the disk when this returns."""
        path = self._path(note.key)
        draft = path.with_suffix(f".{os.getpid()}.part")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with draft.open("wb") as file:
                file.write(to_bytes(note))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error

    def _read(self, path: Path) -> KeyedNote:
        with path.open("rb") as file:
            note = from_bytes(KeyedNote, file.read(_LARGEST))
        if self._path(note.key) != path:
            raise CheckpointInvalid("The file is of another key than its name", where=str(path))
        return note

    def _path(self, key: PublicKey) -> Path:
        return self._folder / f"{key.removeprefix('ed25519:')}.json"
