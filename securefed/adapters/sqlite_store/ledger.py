"""A LedgerStore on one SQLite file.

Promises that entries only ever extend the head, that a transaction's entries are durable together
or absent together, also when the process is killed, and that no row is returned whose hash, index
or link is wrong. Does not check signatures or what entries mean: replaying does that. Holds no
connection between calls, and reads in pages, so an abandoned reader blocks nobody.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from securefed.adapters.sqlite_store.connection import (
    commit,
    create_file,
    require_transaction,
    transaction,
    translated,
)
from securefed.domain.identifiers import Digest, Signature
from securefed.domain.ledger import EMPTY, NO_ENTRY, Head, StoredEntry, extended
from securefed.domain.numbers import count
from securefed.errors import IdentifierInvalid, LedgerBroken

_PAGE = 1024
_INSERT = "INSERT INTO entry (idx, previous, hash, data, signature) VALUES (?, ?, ?, ?, ?)"
_LAST = "SELECT idx, previous, hash, data, signature FROM entry ORDER BY idx DESC LIMIT 1"
_RANGE = """SELECT idx, previous, hash, data, signature FROM entry
WHERE idx >= ? AND idx < ? ORDER BY idx"""

Row: TypeAlias = tuple[Any, ...]
Fetch: TypeAlias = Callable[[int, int], list[Row]]


def create_ledger(path: Path, *, wait_s: float = 5.0) -> "SqliteLedger":
    """A new, empty ledger; refuses a path where one is or was."""
    create_file(path)
    return SqliteLedger(path, wait_s=wait_s)


def open_ledger(path: Path, *, wait_s: float = 5.0) -> "SqliteLedger":
    """The ledger at a path. A missing one is an error: a site never starts over at nothing."""
    ledger = SqliteLedger(path, wait_s=wait_s)
    ledger.head()
    return ledger


class SqliteLedger:
    """A ledger file. Threads and processes may share it; `wait_s` bounds the wait for the lock."""

    def __init__(self, path: Path, *, wait_s: float = 5.0) -> None:
        self._path = path
        self._wait_s = wait_s
        self._thread = threading.local()

    def head(self) -> Head:
        """The head after the last committed transaction."""
        with self._reading() as connection:
            return _head(connection)

    def entries(self, start: int = 0) -> Iterator[StoredEntry]:
        """The committed entries from an index on, up to the head as it is at the call."""
        return _chained(self._fetch, count("start", start, least=0), self.head().size)

    @contextmanager
    def exclusive(self) -> Iterator["SqliteWriter"]:
        """A transaction that nobody else can write beside."""
        if getattr(self._thread, "writing", False):
            raise RuntimeError("This thread is in a transaction of this ledger already")
        self._thread.writing = True
        try:
            with transaction(self._path, self._wait_s, writing=True) as connection:
                writer = SqliteWriter(connection, self._path)
                try:
                    yield writer
                finally:
                    writer.finish()
                commit(connection, self._path)
        finally:
            self._thread.writing = False

    def _fetch(self, start: int, stop: int) -> list[Row]:
        with self._reading() as connection:
            return _rows(connection, start, stop)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with (
            transaction(self._path, self._wait_s, writing=False) as connection,
            translated(self._path),
        ):
            yield connection


class SqliteWriter:
    """A ledger inside a transaction; of no use after it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._open = True

    def head(self) -> Head:
        """The head, with what this transaction added."""
        with self._using() as connection:
            return _head(connection)

    def entries(self, start: int = 0) -> Iterator[StoredEntry]:
        """The entries, with what this transaction added."""
        return _chained(self._fetch, count("start", start, least=0), self.head().size)

    def append(self, entry: StoredEntry, index: int, previous: Digest) -> Head:
        """Adds an entry that extends the head."""
        head = self.head()
        if (index, previous) != (head.size, head.hash):
            raise LedgerBroken("The entry does not extend the head", where=f"entry {index}")
        row = (index, previous, entry.hash, entry.data, entry.signature)
        with self._using() as connection:
            connection.execute(_INSERT, row)
        return extended(head, entry)

    def finish(self) -> None:
        """Ends the writer's use."""
        self._open = False

    def _fetch(self, start: int, stop: int) -> list[Row]:
        with self._using() as connection:
            return _rows(connection, start, stop)

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        if not self._open:
            raise RuntimeError("The ledger's transaction has ended")
        require_transaction(self._connection, self._path)
        with translated(self._path):
            yield self._connection


def _head(connection: sqlite3.Connection) -> Head:
    row = connection.execute(_LAST).fetchone()
    if row is None:
        return EMPTY
    index: int = row[0]
    return Head(size=index + 1, hash=_checked(row).hash)


def _rows(connection: sqlite3.Connection, start: int, stop: int) -> list[Row]:
    return connection.execute(_RANGE, (start, stop)).fetchall()


def _chained(fetch: Fetch, start: int, stop: int) -> Iterator[StoredEntry]:
    """The rows as entries, page by page, each checked to follow the one before."""
    previous: Digest | None = NO_ENTRY if start == 0 else None
    for first in range(start, stop, _PAGE):
        last = min(first + _PAGE, stop)
        rows = fetch(first, last)
        for index, row in enumerate(rows, first):
            if row[0] != index:
                raise _missing(index)
            stored = _checked(row)
            if previous is not None and row[1] != previous:
                raise LedgerBroken("The entry does not name the one before", where=f"entry {index}")
            previous = stored.hash
            yield stored
        if len(rows) < last - first:
            raise _missing(first + len(rows))


def _missing(index: int) -> LedgerBroken:
    return LedgerBroken("An entry is missing", where=f"entry {index}")


def _checked(row: Row) -> StoredEntry:
    index, _, named_hash, data, signature = row
    try:
        stored = StoredEntry(data=data, signature=Signature(signature))
    except IdentifierInvalid as error:
        raise LedgerBroken("An entry's signature is malformed", where=f"entry {index}") from error
    if stored.hash != named_hash:
        raise LedgerBroken("An entry's bytes do not have its hash", where=f"entry {index}")
    return stored
