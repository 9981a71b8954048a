"""A ledger store that dies at a chosen write: before it, inside it, or after it became durable.

What a process that is killed leaves behind is what the store held; the process itself knows nothing
more, so a test opens the store anew after each crash. `Crash` is no `Exception`: nothing may catch
it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto

from securefed.adapters.memory import MemoryLedger
from securefed.domain.identifiers import Digest
from securefed.domain.ledger import Head, StoredEntry
from securefed.ports import LedgerWriter


class Crash(BaseException):
    """The process is gone."""


class Moment(Enum):
    """When it goes, seen from one write."""

    BEFORE = auto()
    INSIDE = auto()
    AFTER = auto()


class CrashingStore:
    """A store over another one, with an axe."""

    def __init__(self, store: MemoryLedger) -> None:
        self.store = store
        self.axe: Moment | None = None

    def head(self) -> Head:
        """The store's head."""
        return self.store.head()

    def entries(self, start: int = 0) -> Iterator[StoredEntry]:
        """The store's entries."""
        return self.store.entries(start)

    @contextmanager
    def exclusive(self) -> Iterator[LedgerWriter]:
        """A transaction in which the axe may fall, once."""
        axe, self.axe = self.axe, None
        with self.store.exclusive() as writer:
            yield _Writer(writer, axe)
        if axe is Moment.AFTER:
            raise Crash


class _Writer:
    """A transaction that may not survive its write."""

    def __init__(self, writer: LedgerWriter, axe: Moment | None) -> None:
        self._writer = writer
        self._axe = axe

    def head(self) -> Head:
        return self._writer.head()

    def entries(self, start: int = 0) -> Iterator[StoredEntry]:
        return self._writer.entries(start)

    def append(self, entry: StoredEntry, index: int, previous: Digest) -> Head:
        if self._axe is Moment.BEFORE:
            raise Crash
        head = self._writer.append(entry, index, previous)
        if self._axe is Moment.INSIDE:
            raise Crash
        return head
