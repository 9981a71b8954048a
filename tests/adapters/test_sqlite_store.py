"""The ledger file: how it is written, what a failing disk does to it, and several at once."""

import multiprocessing
import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from securefed.adapters.sqlite_store import SqliteLedger, create_ledger, open_ledger
from securefed.adapters.sqlite_store.connection import translated
from securefed.adapters.sqlite_store.schema import APPLICATION_ID, require_sqlite
from securefed.domain.ledger import Head
from securefed.errors import (
    AlreadyExists,
    LedgerBroken,
    LedgerBusy,
    SecurefedError,
    StorageFailed,
)
from tests.contracts.ledgers import UNCHECKED, add, an_entry, extend, texts_of

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> SqliteLedger:
    ledger = create_ledger(path)
    add(ledger, "first", "second", "third")
    return ledger


# --- the file ----------------------------------------------------------------------------------


def test_a_new_ledger_is_one_private_file(path: Path) -> None:
    previous = os.umask(0)
    try:
        create_ledger(path)
    finally:
        os.umask(previous)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_files_beside_it_are_private_too(ledger: SqliteLedger, path: Path) -> None:
    previous = os.umask(0)
    try:
        with ledger.exclusive() as writer:
            extend(writer, "fourth")
            modes = {stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
            assert len(list(path.parent.iterdir())) > 1
    finally:
        os.umask(previous)
    assert modes == {0o600}


def test_the_file_says_what_it_is_and_how_it_is_written(ledger: SqliteLedger, path: Path) -> None:
    with ledger.exclusive() as writer:
        connection = writer._connection
        settings = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "recursive_triggers", "trusted_schema")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "recursive_triggers": 1,
        "trusted_schema": 0,
    }
    assert path.read_bytes()[68:72] == APPLICATION_ID.to_bytes(4, "big") == b"SFLG"


def test_data_is_stored_as_its_exact_bytes(ledger: SqliteLedger, path: Path) -> None:
    entry = an_entry("é\0")
    head = add(ledger, "é\0")
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute("SELECT * FROM entry ORDER BY idx DESC LIMIT 1").fetchone()
    second_last = list(ledger.entries())[-2]
    assert row == (3, second_last.hash, entry.hash, "é\0".encode(), UNCHECKED)
    assert head == Head(size=4, hash=entry.hash)


def test_a_ledger_is_never_created_over_another(ledger: SqliteLedger, path: Path) -> None:
    before = ledger.head()
    with pytest.raises(AlreadyExists):
        create_ledger(path)
    assert ledger.head() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_ledger_is_never_created_beside_what_remains_of_one(path: Path, suffix: str) -> None:
    path.with_name(path.name + suffix).write_bytes(b"remains")
    with pytest.raises(AlreadyExists, match=suffix):
        create_ledger(path)
    assert not path.exists()


def test_a_ledger_that_appears_meanwhile_is_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("another process was first")
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    with pytest.raises(AlreadyExists):
        create_ledger(path)
    assert path.read_text() == "another process was first"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_missing_ledger_is_never_started_over(path: Path) -> None:
    with pytest.raises(StorageFailed):
        open_ledger(path)
    with pytest.raises(StorageFailed), SqliteLedger(path).exclusive():
        pytest.fail("a transaction began on a missing file")
    assert not path.exists()
    with pytest.raises(StorageFailed):
        create_ledger(path / "no" / "folder")


def test_a_path_with_characters_of_a_uri_works(tmp_path: Path) -> None:
    odd = tmp_path / "100% of?mode=memory#é .sqlite"
    add(create_ledger(odd), "first")
    assert texts_of(open_ledger(odd)) == ["first"]
    assert odd.exists()


def test_an_old_sqlite_is_named() -> None:
    require_sqlite((3, 37, 0))
    with pytest.raises(StorageFailed, match=r"needs SQLite 3\.37\.0; Python has 3\.34\.1"):
        require_sqlite((3, 34, 1))


# --- disks that fail ---------------------------------------------------------------------------


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """A full disk, as far as this process can tell."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("count", [1, 40])
def test_a_full_disk_leaves_the_old_head(ledger: SqliteLedger, path: Path, count: int) -> None:
    before = ledger.head()
    large = "x" * 200_000
    with pytest.raises(StorageFailed), files_no_larger_than(150_000):
        add(ledger, *[large] * count)
    assert open_ledger(path).head() == before
    assert texts_of(ledger) == ["first", "second", "third"]
    assert add(ledger, large).size == 4


def test_a_failed_write_that_is_ignored_still_commits_nothing(
    ledger: SqliteLedger, path: Path
) -> None:
    before = ledger.head()

    def ignoring() -> None:
        with ledger.exclusive() as writer:
            extend(writer, "fourth")
            # What SQLite may do by itself when a write fails.
            writer._connection.execute("ROLLBACK")
            with pytest.raises(StorageFailed, match="rolled back"):
                extend(writer, "fifth")

    with pytest.raises(StorageFailed, match="rolled back"):
        ignoring()
    assert open_ledger(path).head() == before


def test_no_ledger_is_created_on_a_full_disk(path: Path) -> None:
    with pytest.raises(StorageFailed), files_no_larger_than(2000):
        create_ledger(path)
    assert list(path.parent.iterdir()) == []


AS_NOBODY = """
import os, sys
from pathlib import Path
from securefed.adapters.sqlite_store import open_ledger
from securefed.errors import StorageFailed
from tests.contracts.ledgers import add
if os.geteuid() == 0:
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
ledger = open_ledger(Path(sys.argv[1]))
print(sum(1 for _ in ledger.entries()))
try:
    add(ledger, "fourth")
except StorageFailed as error:
    print(error.code)
"""


def test_a_read_only_file_can_be_read_and_not_written(ledger: SqliteLedger, path: Path) -> None:
    before = ledger.head()
    # A folder that another account may use too: root writes where it likes, so the test does not.
    open_to_all = Path(tempfile.mkdtemp())
    try:
        open_to_all.chmod(0o777)
        copy = open_to_all / "ledger.sqlite"
        shutil.copy(path, copy)
        copy.chmod(0o444)
        program = [sys.executable, "-c", AS_NOBODY, str(copy), str(NOBODY)]
        root = Path(__file__).parents[2]
        ran = subprocess.run(program, cwd=root, capture_output=True, text=True, check=False)
    finally:
        shutil.rmtree(open_to_all)
    assert (ran.stdout.split(), ran.stderr) == (["3", "storage-failed"], "")
    assert ledger.head() == before


def test_a_backup_is_a_ledger(ledger: SqliteLedger, path: Path) -> None:
    copy = path.with_name("backup.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    backup = open_ledger(copy)
    assert backup.head() == ledger.head()
    add(backup, "fourth")
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert texts_of(backup) == ["first", "second", "third", "fourth"]


# --- several at once ---------------------------------------------------------------------------


def test_a_writer_who_waits_too_long_is_told(ledger: SqliteLedger, path: Path) -> None:
    impatient = open_ledger(path, wait_s=0.01)
    with ledger.exclusive() as writer:
        extend(writer, "fourth")
        with pytest.raises(LedgerBusy), impatient.exclusive():
            pytest.fail("two transactions at once")
        assert impatient.head().size == 3
    assert add(impatient, "fifth").size == 5


def append_many(path: Path, name: str, count: int) -> None:
    ledger = open_ledger(path, wait_s=60)
    for index in range(count):
        add(ledger, f"{name} {index}")


@pytest.mark.slow
def test_eight_processes_append_without_loss(path: Path) -> None:
    ledger = create_ledger(path)
    spawning = multiprocessing.get_context("spawn")
    names = "abcdefgh"
    workers = [spawning.Process(target=append_many, args=(path, name, 20)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 8
    texts = texts_of(ledger)
    assert ledger.head().size == 160
    for name in names:
        # Each process finds its own entries once and in its order.
        own = [text for text in texts if text.startswith(name)]
        assert own == [f"{name} {index}" for index in range(20)]


# --- the table of failures ---------------------------------------------------------------------


def failure(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite words it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, LedgerBusy),
        (sqlite3.SQLITE_LOCKED_SHAREDCACHE, LedgerBusy),
        (sqlite3.SQLITE_FULL, StorageFailed),
        (sqlite3.SQLITE_READONLY_DBMOVED, StorageFailed),
        (sqlite3.SQLITE_IOERR_FSYNC, StorageFailed),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, StorageFailed),
        (sqlite3.SQLITE_PERM, StorageFailed),
        (sqlite3.SQLITE_CONSTRAINT_TRIGGER, LedgerBroken),
        (sqlite3.SQLITE_CORRUPT_VTAB, LedgerBroken),
        (sqlite3.SQLITE_NOTADB, LedgerBroken),
    ],
)
def test_each_failure_of_sqlite_has_its_name(
    path: Path, code: int, ours: type[SecurefedError]
) -> None:
    with pytest.raises(ours, match="as SQLite words it") as caught, translated(path):
        raise failure(code)
    assert type(caught.value) is ours
    assert caught.value.where == str(path)


@pytest.mark.parametrize(
    "defect", [failure(sqlite3.SQLITE_ERROR), sqlite3.ProgrammingError("closed")]
)
def test_a_defect_of_ours_keeps_its_own_name(path: Path, defect: sqlite3.Error) -> None:
    with pytest.raises(type(defect)), translated(path):
        raise defect
