"""Where ledgers lie, and who checks many signatures at once."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from securefed.domain.identifiers import Digest, PublicKey
from securefed.domain.ledger import Head, StoredEntry


class SignatureChecker(Protocol):
    """Checks many signatures of one key; which is what takes the time in a long ledger."""

    def first_bad(self, key: PublicKey, entries: Sequence[StoredEntry]) -> int | None:
        """The index of the first entry that the key did not sign; None where it signed all."""
        ...


class LedgerWriter(Protocol):
    """A ledger inside an exclusive transaction: nobody else writes until it ends."""

    def head(self) -> Head:
        """The head as this transaction sees it."""
        ...

    def entries(self, start: int = 0) -> Iterator[StoredEntry]:
        """The entries from an index on."""
        ...

    def append(self, entry: StoredEntry, index: int, previous: Digest) -> Head:
        """Adds an entry; refuses one that does not extend the head."""
        ...


class LedgerStore(Protocol):
    """Where a ledger's entries lie: append-only, durable once a transaction ends without error."""

    def head(self) -> Head:
        """The head as it is now."""
        ...

    def entries(self, start: int = 0) -> Iterator[StoredEntry]:
        """The entries from an index on."""
        ...

    def exclusive(self) -> AbstractContextManager[LedgerWriter]:
        """A transaction. Leaving it normally makes all its entries durable; an exception, none."""
        ...
