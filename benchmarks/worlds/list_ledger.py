"""A LedgerStore in a list that grows in place, so that a hundred thousand entries are made quickly.

Not the tests' `MemoryLedger`, which copies its list for every transaction in order to undo it: here
what was added stays, whatever happens afterwards.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from securefed.domain.identifiers import Digest
from securefed.domain.ledger import EMPTY, Head, StoredEntry, extended
from securefed.errors import LedgerBroken


class ListLedger:
    """A store that is its own writer."""

    def __init__(self) -> None:
        self._entries: list[StoredEntry] = []
        self._head = EMPTY

    def head(self) -> Head:
        """The head."""
        return self._head

    def entries(self, start: int = 0) -> Iterator[StoredEntry]:
        """The entries from an index on."""
        return iter(self._entries[start:])

    @contextmanager
    def exclusive(self) -> Iterator["ListLedger"]:
        """The list itself: nobody else is here."""
        yield self

    def append(self, entry: StoredEntry, index: int, previous: Digest) -> Head:
        """Adds an entry that extends the head."""
        if (index, previous) != (self._head.size, self._head.hash):
            raise LedgerBroken("The entry does not extend the head", where=f"entry {index}")
        self._entries.append(entry)
        self._head = extended(self._head, entry)
        return self._head
