"""The log of a run: one line of JSON for each thing that happened, with its time.

A line is written at once and only added. A crash can leave half of the last one, which the next
writer ends and every reader leaves out. Its words are an error's, never a value of anybody's data.
"""

import json
import os
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from securefed.domain.identifiers import Name, SiteId
from securefed.domain.records import from_bytes, to_bytes
from securefed.errors import IntegrityError, RecordInvalid, StorageFailed


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One thing that happened: whose part of which round, how long it took, how much it moved."""

    at: datetime
    round: int
    site: SiteId | None
    part: Name
    seconds: Decimal
    bytes: int
    words: str


class RunLog:
    """The log in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: LogLine) -> None:
        """Writes a line behind the others."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(end - 1, 0))
                broken = end > 0 and file.read(1) != b"\n"
                file.write((b"\n" if broken else b"") + to_bytes(line) + b"\n")
        except OSError as error:
            raise StorageFailed(f"Cannot write: {error.strerror}", where=str(self.path)) from error

    def lines(self) -> list[LogLine]:
        """All of them."""
        return self.since(0)[0]

    def since(self, start: int) -> tuple[list[LogLine], int]:
        """The whole lines from a byte on, and the byte at which the next one will begin."""
        found = []
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                for stored in file:
                    if stored.endswith(b"\n"):
                        start += len(stored)
                        found += self._read(stored[:-1])
        except FileNotFoundError:
            return [], start
        except OSError as error:
            raise StorageFailed(f"Cannot read: {error.strerror}", where=str(self.path)) from error
        return found, start

    def _read(self, stored: bytes) -> list[LogLine]:
        """The line; none where a crash left the half of one."""
        try:
            return [from_bytes(LogLine, stored)]
        except IntegrityError as error:
            if _cut_off(stored):
                return []
            raise RecordInvalid("A line of the log is none", where=str(self.path)) from error


def _cut_off(stored: bytes) -> bool:
    try:
        json.loads(stored)
    except ValueError:
        return True
    return False
