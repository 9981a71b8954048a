"""One connection to a ledger file, for one transaction, and SQLite's failures in our words.

Promises that a transaction sees a file whose schema was just checked, that a commit has reached the
disk (WAL, synchronous=FULL), and that whatever was not committed is gone when the block ends. A new
connection for each transaction costs a millisecond and works in any thread and after any fork.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from securefed.adapters.sqlite_store import schema
from securefed.errors import (
    AlreadyExists,
    LedgerBroken,
    LedgerBusy,
    SecurefedError,
    StorageFailed,
)

_BESIDE = ("-wal", "-shm", "-journal")


@contextmanager
def transaction(path: Path, wait_s: float, *, writing: bool) -> Iterator[sqlite3.Connection]:
    """A transaction on the ledger file. Whoever writes must commit; leaving without rolls back."""
    schema.require_sqlite()
    with translated(path):
        connection = _connect(path, wait_s)
    try:
        with translated(path):
            _begin(connection, writing=writing)
            schema.check(connection)
        yield connection
    finally:
        connection.close()


def commit(connection: sqlite3.Connection, path: Path) -> None:
    """Makes the transaction durable."""
    require_transaction(connection, path)
    with translated(path):
        connection.execute("COMMIT")


def require_transaction(connection: sqlite3.Connection, path: Path) -> None:
    """Refuses to go on where SQLite rolled back by itself, as it may when the disk is full.

    Whatever was written afterwards would stand outside of any transaction."""
    if not connection.in_transaction:
        raise StorageFailed("The transaction was rolled back after a failed write", where=str(path))


def create_file(path: Path) -> None:
    """An empty ledger, readable by its owner only. It appears complete or not at all."""
    schema.require_sqlite()
    # The WAL of a ledger that was removed would be replayed into the new one.
    for remains in (path, *(path.with_name(path.name + suffix) for suffix in _BESIDE)):
        if os.path.lexists(remains):
            raise AlreadyExists("There is a ledger, or what remains of one", where=str(remains))
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(descriptor)
        try:
            _fill(Path(name))
            os.link(name, path)
        finally:
            Path(name).unlink()
        _flush(path.parent)
    except FileExistsError as error:
        raise AlreadyExists("There is a ledger already", where=str(path)) from error
    except OSError as error:
        raise StorageFailed(
            f"No ledger could be created: {error.strerror}", where=str(path)
        ) from error


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns SQLite's exceptions into ours. One that is not in the table is a defect of ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        ours = None if code is None else _FAILURES.get(code & 0xFF)
        if ours is None:
            raise
        raise ours(f"SQLite says: {error}", where=str(path)) from error


def _connect(path: Path, wait_s: float) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(address, uri=True, timeout=wait_s, isolation_level=None)
    # Text that is not UTF-8 must fail our own checks, not SQLite's reading.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def _begin(connection: sqlite3.Connection, *, writing: bool) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    if not writing:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        return
    connection.execute("PRAGMA recursive_triggers = ON")  # lets REPLACE meet the delete trigger
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "PRAGMA fullfsync = ON"
    )  # macOS keeps an ordinary fsync in the drive's cache
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        # A backup by VACUUM INTO loses the mode. Nothing is switched that is not a ledger.
        schema.check(connection)
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")


def _fill(path: Path) -> None:
    with translated(path):
        connection = _connect(path, 0)
        try:
            schema.lay_out(connection)
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
    _flush(path)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_FAILURES: dict[int, type[SecurefedError]] = {
    sqlite3.SQLITE_BUSY: LedgerBusy,
    sqlite3.SQLITE_LOCKED: LedgerBusy,
    sqlite3.SQLITE_PROTOCOL: LedgerBusy,
    sqlite3.SQLITE_FULL: StorageFailed,
    sqlite3.SQLITE_READONLY: StorageFailed,
    sqlite3.SQLITE_IOERR: StorageFailed,
    sqlite3.SQLITE_CANTOPEN: StorageFailed,
    sqlite3.SQLITE_PERM: StorageFailed,
    sqlite3.SQLITE_CONSTRAINT: LedgerBroken,
    sqlite3.SQLITE_MISMATCH: LedgerBroken,
    sqlite3.SQLITE_CORRUPT: LedgerBroken,
    sqlite3.SQLITE_NOTADB: LedgerBroken,
}
