"""The ledger file's tables and triggers, and the check that a file has exactly these.

The triggers refuse every change but one: a row that extends the head. They hold for any program
that opens the file with SQLite, not only for ours. Somebody who can write the file can drop them;
the check at every opening makes that evident, and the hash chain with its co-signed checkpoints the
rest.
"""

import sqlite3

from securefed.errors import LedgerBroken, StorageFailed

APPLICATION_ID = 0x53464C47  # "SFLG", what `file` and SQLite know the format by
VERSION = 1
OLDEST_SQLITE = (3, 37, 0)  # the first with STRICT tables

# SQLite stores each statement as it is written here, and `check` compares that text.
_STATEMENTS = {
    "entry": """CREATE TABLE entry (
    idx INTEGER PRIMARY KEY CHECK (idx >= 0),
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    data BLOB NOT NULL,
    signature TEXT NOT NULL
) STRICT""",
    # `INSERT OR REPLACE` stops here too: BEFORE triggers fire ahead of the removal.
    "entry_extends_head": """CREATE TRIGGER entry_extends_head BEFORE INSERT ON entry
WHEN NEW.idx IS NOT (SELECT coalesce(max(idx), -1) + 1 FROM entry)
OR NEW.previous IS NOT coalesce(
    (SELECT hash FROM entry ORDER BY idx DESC LIMIT 1),
    'sha256:0000000000000000000000000000000000000000000000000000000000000000')
BEGIN SELECT RAISE(ABORT, 'an entry must extend the head'); END""",
    "entry_never_changes": """CREATE TRIGGER entry_never_changes BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'an entry never changes'); END""",
    "entry_never_goes": """CREATE TRIGGER entry_never_goes BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'an entry is never deleted'); END""",
}


def require_sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Refuses an SQLite that cannot read the schema, before it calls the file malformed."""
    if version < OLDEST_SQLITE:
        found, needed = (".".join(map(str, one)) for one in (version, OLDEST_SQLITE))
        raise StorageFailed(
            f"The ledger needs SQLite {needed}; Python has {found}",
            hint="Use a Python that is built with a newer SQLite.",
        )


def lay_out(connection: sqlite3.Connection) -> None:
    """Makes an empty database an empty ledger."""
    connection.execute("BEGIN EXCLUSIVE")
    for statement in _STATEMENTS.values():
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def check(connection: sqlite3.Connection) -> None:
    """Refuses a database that is not a ledger, or whose tables or triggers are not these."""
    if _number(connection, "application_id") != APPLICATION_ID:
        raise LedgerBroken("The file is an SQLite database, but not a securefed ledger")
    version = _number(connection, "user_version")
    if version != VERSION:
        raise LedgerBroken(f"The ledger has format {version}; this securefed knows {VERSION}")
    found = dict(connection.execute("SELECT name, sql FROM sqlite_schema"))
    for name in sorted(found.keys() | _STATEMENTS.keys()):
        if found.get(name) != _STATEMENTS.get(name):
            raise LedgerBroken(f"The ledger's {name!r} was changed, added or removed")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    row = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(row[0])
