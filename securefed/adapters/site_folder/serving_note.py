"""Where a site listens, noted by the process that serves it, for commands on the same machine.

Promises a whole note or none. A process that was killed leaves its note behind: only the lock of
the site's folder says whether anybody serves, so ask that first.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from securefed.domain.identifiers import Line
from securefed.domain.numbers import count
from securefed.domain.records import from_bytes, to_bytes
from securefed.errors import IntegrityError, StorageFailed


@dataclass(frozen=True, kw_only=True)
class ServingNote:
    """A serving process, and the address at which it answers."""

    host: Line
    port: int
    tls: bool
    pid: int
    since: datetime

    def __post_init__(self) -> None:
        count("port", self.port, most=65_535)
        count("pid", self.pid)

    @property
    def address(self) -> str:
        """The address as a caller on this machine writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


def note_serving(path: Path, note: ServingNote) -> None:
    """Writes the note, in one step, for this account alone."""
    draft = path.with_suffix(f".{os.getpid()}.part")
    try:
        draft.touch(mode=0o600)
        draft.write_bytes(to_bytes(note))
        draft.replace(path)
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error


def find_serving(path: Path) -> ServingNote | None:
    """The note; None where there is none that can be read."""
    try:
        return from_bytes(ServingNote, path.read_bytes())
    except (OSError, IntegrityError):
        return None


def forget_serving(path: Path) -> None:
    """Removes this process's note when its serving ends; never another's."""
    note = find_serving(path)
    if note is None or note.pid != os.getpid():
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(f"Cannot remove: {error.strerror}", where=str(path)) from error
