"""The ledger file in other hands: what its triggers refuse, and how everything else shows."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from securefed.adapters.sqlite_store import SqliteLedger, create_ledger, open_ledger
from securefed.adapters.sqlite_store.connection import translated
from securefed.domain.ledger import NO_ENTRY
from securefed.errors import LedgerBroken, SecurefedError, StorageFailed
from tests.contracts.ledgers import add, an_entry, texts_of

pytestmark = pytest.mark.slow


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> SqliteLedger:
    ledger = create_ledger(path)
    add(ledger, "first", "second", "third")
    return ledger


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as another program opens it, with SQLite's own defaults."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def tamper(path: Path, *statements: str) -> None:
    with raw(path) as connection:
        for statement in statements:
            connection.execute(statement)


# --- what other programs cannot do -------------------------------------------------------------


@pytest.mark.parametrize("recursive", [True, False])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET data = x'00' WHERE idx = 1",
        "UPDATE entry SET idx = 9 WHERE idx = 2",
        "UPDATE OR REPLACE entry SET idx = 1 WHERE idx = 2",
        "UPDATE OR IGNORE entry SET signature = 's'",
        "DELETE FROM entry",
        "DELETE FROM entry WHERE idx = 2",
        "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE idx = 1",
        "REPLACE INTO entry SELECT idx, previous, hash, x'00', signature FROM entry WHERE idx = 2",
        "INSERT OR IGNORE INTO entry SELECT * FROM entry WHERE idx = 0",
        "INSERT INTO entry SELECT * FROM entry WHERE idx = 2"
        " ON CONFLICT (idx) DO UPDATE SET data = x'00'",
    ],
)
def test_the_file_refuses_to_change_a_row(
    ledger: SqliteLedger, path: Path, statement: str, recursive: bool
) -> None:
    before = list(ledger.entries())
    with raw(path) as connection:
        connection.execute(f"PRAGMA recursive_triggers = {recursive}")
        with pytest.raises(LedgerBroken), translated(path):
            connection.execute(statement)
    assert list(ledger.entries()) == before


INSERT = "INSERT INTO entry VALUES (:idx, :previous, :hash, :data, :signature)"


def next_row(ledger: SqliteLedger) -> dict[str, object]:
    entry, head = an_entry("fourth"), ledger.head()
    return {
        "idx": head.size,
        "previous": head.hash,
        "hash": entry.hash,
        "data": entry.data,
        "signature": entry.signature,
    }


def test_the_file_accepts_a_next_row(ledger: SqliteLedger, path: Path) -> None:
    with raw(path) as connection:
        connection.execute(INSERT, next_row(ledger))
    assert texts_of(ledger) == ["first", "second", "third", "fourth"]


@pytest.mark.parametrize(
    "other",
    [
        {"idx": 4},
        {"idx": 2},
        {"idx": -1},
        {"idx": 2**63 - 1},
        {"idx": None},
        {"idx": "three"},
        {"previous": NO_ENTRY},
        {"previous": "x"},
        {"previous": None},
        {"hash": None},
        {"data": "text"},
        {"data": None},
        {"signature": b"bytes"},
        {"signature": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE"])
def test_the_file_refuses_every_other_row(
    ledger: SqliteLedger, path: Path, verb: str, other: dict[str, object]
) -> None:
    before = list(ledger.entries())
    row = {**next_row(ledger), **other}
    with raw(path) as connection, pytest.raises(LedgerBroken), translated(path):
        connection.execute(INSERT.replace("INSERT", verb), row)
    assert list(ledger.entries()) == before


def test_a_row_whose_hash_is_not_of_its_bytes_is_noticed(ledger: SqliteLedger, path: Path) -> None:
    # SQLite cannot compute the hash; Python does, at every reading.
    with raw(path) as connection:
        connection.execute(INSERT, {**next_row(ledger), "data": b"another"})
    with pytest.raises(LedgerBroken, match="do not have its hash"):
        ledger.head()


# --- what somebody with the file can do, and how it shows --------------------------------------

TRIGGERS = ("entry_extends_head", "entry_never_changes", "entry_never_goes")


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_dropped_trigger_is_noticed(ledger: SqliteLedger, path: Path, trigger: str) -> None:
    tamper(path, f"DROP TRIGGER {trigger}")
    assert_refuses_everything(path, trigger)
    with pytest.raises(LedgerBroken):
        ledger.head()


def assert_refuses_everything(path: Path, match: str) -> None:
    with pytest.raises(LedgerBroken, match=match):
        open_ledger(path)
    with pytest.raises(LedgerBroken, match=match):
        list(SqliteLedger(path).entries())
    with pytest.raises(LedgerBroken, match=match), SqliteLedger(path).exclusive():
        pytest.fail("a transaction began on a broken ledger")


@pytest.mark.parametrize(
    ("statements", "match"),
    [
        (("DROP TABLE entry",), "entry"),
        (("CREATE TABLE other (a)",), "other"),
        (("CREATE INDEX quick ON entry (hash)",), "quick"),
        (("CREATE VIEW shown AS SELECT 1",), "shown"),
        (
            (
                "DROP TRIGGER entry_never_goes",
                "CREATE TRIGGER entry_never_goes BEFORE DELETE ON entry BEGIN SELECT 1; END",
            ),
            "entry_never_goes",
        ),
        (("CREATE TRIGGER more AFTER INSERT ON entry BEGIN SELECT 1; END",), "more"),
        (("ALTER TABLE entry ADD COLUMN extra TEXT",), "entry"),
        (("PRAGMA user_version = 2",), "format 2"),
        (("PRAGMA application_id = 0",), "not a securefed ledger"),
    ],
)
@pytest.mark.usefixtures("ledger")
def test_a_changed_schema_is_noticed(path: Path, statements: tuple[str, ...], match: str) -> None:
    tamper(path, *statements)
    assert_refuses_everything(path, match)


def tampered_row(path: Path, *statements: str) -> None:
    """Changes rows the way an attacker would: triggers dropped, then put back as they were."""
    with raw(path) as connection:
        kept = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        triggers = kept.fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("UPDATE entry SET data = x'00' WHERE idx = 1", "hash"),
        ("UPDATE entry SET data = CAST(data || x'0a' AS BLOB) WHERE idx = 1", "hash"),
        ("UPDATE entry SET hash = previous WHERE idx = 1", "hash"),
        ("UPDATE entry SET previous = hash WHERE idx = 1", "name the one before"),
        ("UPDATE entry SET previous = 'x' WHERE idx = 0", "name the one before"),
        ("UPDATE entry SET signature = 'x' WHERE idx = 1", "signature is malformed"),
        ("UPDATE entry SET signature = CAST(x'ff' AS TEXT) WHERE idx = 1", "malformed"),
        ("UPDATE entry SET hash = CAST(x'ff' AS TEXT) WHERE idx = 1", "hash"),
        ("DELETE FROM entry WHERE idx = 1", "missing"),
        ("DELETE FROM entry WHERE idx = 0", "missing"),
        ("UPDATE entry SET idx = 7 WHERE idx = 2", "missing"),
        ("UPDATE entry SET idx = CASE idx WHEN 0 THEN 8 WHEN 1 THEN 9 END WHERE idx < 2", "miss"),
    ],
)
def test_a_changed_row_is_noticed(
    ledger: SqliteLedger, path: Path, statement: str, match: str
) -> None:
    tampered_row(path, statement)
    with pytest.raises(LedgerBroken, match=match):
        list(ledger.entries())


def test_swapped_entries_are_noticed(ledger: SqliteLedger, path: Path) -> None:
    tampered_row(
        path,
        "UPDATE entry SET idx = 100 WHERE idx = 0",
        "UPDATE entry SET idx = 0 WHERE idx = 1",
        "UPDATE entry SET idx = 1 WHERE idx = 100",
    )
    with pytest.raises(LedgerBroken, match="name the one before"):
        list(ledger.entries())


def test_a_changed_last_row_stops_an_append(ledger: SqliteLedger, path: Path) -> None:
    tampered_row(path, "UPDATE entry SET data = x'00' WHERE idx = 2")
    with pytest.raises(LedgerBroken, match="hash"):
        add(ledger, "fourth")
    with pytest.raises(LedgerBroken, match="hash"):
        ledger.head()


def test_an_entry_that_vanishes_below_a_reader_is_noticed(ledger: SqliteLedger, path: Path) -> None:
    add(ledger, *(f"entry {index}" for index in range(1500)))
    reader = ledger.entries()
    next(reader)
    tampered_row(path, "DELETE FROM entry WHERE idx > 1200")
    with pytest.raises(LedgerBroken, match="missing"):
        list(reader)


@pytest.mark.parametrize("content", [b"", b"not a database, though long enough " * 40])
def test_another_file_is_not_a_ledger(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert_refuses_everything(path, "not a")
    assert path.read_bytes() == content


def test_an_empty_database_is_not_a_new_ledger(path: Path) -> None:
    tamper(path, "CREATE TABLE a (b)", "DROP TABLE a")
    assert_refuses_everything(path, "not a securefed ledger")


def test_overwritten_pages_are_noticed(ledger: SqliteLedger, path: Path) -> None:
    add(ledger, *("x" * 5000 for _ in range(20)))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x5a" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(LedgerBroken):
        list(ledger.entries())


def test_a_cut_file_is_noticed(ledger: SqliteLedger, path: Path) -> None:
    add(ledger, *("x" * 5000 for _ in range(20)))
    os.truncate(path, 8192)
    with pytest.raises(SecurefedError) as caught:
        list(ledger.entries())
    assert isinstance(caught.value, LedgerBroken | StorageFailed)
