"""`securefed ledger`: verifying, exporting, and checkpoints that others sign and the site keeps."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import AT, ROOT, Run, approve, digest_of, newest

pytestmark = pytest.mark.slow

LEDGER, KEPT = Path("hospital-a/ledger.db"), Path("hospital-a/kept.checkpoint")


def checkpoint_in(run: Run, file: str) -> str:
    """Writes a checkpoint of the ledger as it is, and returns its text."""
    note = run("ledger", "checkpoint", *AT).out
    Path(file).write_text(note, encoding="utf-8")
    return note


def tamper(statement: str, *values: object) -> None:
    """Changes the ledger's rows past its triggers, which are then put back as they were."""
    with closing(sqlite3.connect(LEDGER)) as connection:
        triggers = connection.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")
        statements = [sql for (sql,) in triggers]
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement, values)
        for sql in statements:
            connection.execute(sql)
        connection.commit()


# --- verify --------------------------------------------------------------------------------------


def test_verifying_says_what_was_checked_and_every_total(ready: Run) -> None:
    request = newest(ready)
    assert approve(ready, request, digest_of(ready, request)).code == 0
    ran = ready("ledger", "verify", *AT)
    assert ran.code == 0, ran.err
    for word in ("entries", "site signatures", "decisions", "requests", "admissions  reserved"):
        assert word in ran.out
    document = ready("ledger", "verify", *AT, "--json").document
    assert sum(document["kinds"].values()) == document["entries"]
    [reserved] = [one for one in document["totals"] if one["what"] == "reserved"]
    assert reserved["counted"][:10] == reserved["recomputed"][:10] != "0"


@pytest.mark.parametrize("entry", [0, 2, 5])
def test_the_first_bad_entry_is_named_and_the_exit_code_is_six(ready: Run, entry: int) -> None:
    tamper("UPDATE entry SET signature = ? WHERE idx >= ? AND idx < 7", "0" * 128, entry)
    ran = ready("ledger", "verify", *AT)
    assert ran.code == 6
    assert ran.err.startswith("Verifying every entry …\nerror[ledger-broken]: ")
    assert f"where: entry {entry}\n" in ran.err


@pytest.mark.parametrize("entry", [0, 3])
def test_a_row_that_is_gone_is_named(ready: Run, entry: int) -> None:
    tamper("DELETE FROM entry WHERE idx = ?", entry)
    ran = ready("ledger", "verify", *AT)
    assert ran.code == 6
    assert f"An entry is missing\n  where: entry {entry}\n" in ran.err


# --- export --------------------------------------------------------------------------------------


def test_an_export_is_verified_by_the_script_of_the_docs(ready: Run) -> None:
    note = checkpoint_in(ready, "note")
    ran = ready("ledger", "export", "--out", "ledger.jsonl", *AT, "--json")
    assert ran.code == 0, ran.err
    assert ran.document["entries"] == int(note.split("\n")[1])
    lines = Path("ledger.jsonl").read_text(encoding="utf-8")
    assert ready("ledger", "export", *AT).out == lines
    assert ready("ledger", "export", *AT, "--json").document["lines"] == lines.splitlines(True)
    key = json.loads(lines.split("\n")[0])["key"]
    script = [sys.executable, str(ROOT / "docs/verify_ledger.py"), "ledger.jsonl", key, "note"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_export_that_cannot_be_written_leaves_nothing(ready: Run) -> None:
    before = set(Path().iterdir())
    ran = ready("ledger", "export", "--out", "no/such/folder.jsonl", *AT)
    assert ran.code == 1
    assert "storage-failed" in ran.err
    Path("taken").mkdir()
    assert ready("ledger", "export", "--out", "taken", *AT).code == 1
    assert set(Path().iterdir()) - before == {Path("taken")}


# --- checkpoints ---------------------------------------------------------------------------------


def cosign(run: Run, file: str, who: str) -> str:
    """The note with another party's signature under it."""
    if not Path(f"{who}.key").exists():
        assert run("account", "new-key", who, "--out", f"{who}.key").code == 0
    ran = run("ledger", "cosign", file, "--name", who, "--key", f"{who}.key")
    assert ran.code == 0, ran.err
    return ran.out


def test_a_cosigner_adds_a_line_and_changes_nothing_else(ready: Run) -> None:
    note = checkpoint_in(ready, "note")
    both = cosign(ready, "note", "hospital-b")
    assert both.startswith(note)
    assert both.removeprefix(note).startswith("— securefed.cosigner/hospital-b ")
    Path("both").write_text(both, encoding="utf-8")
    assert cosign(ready, "both", "hospital-c").count("\n— ") == 3
    assert ready("ledger", "verify", "--checkpoint", "both", *AT).code == 0


def test_what_is_no_checkpoint_is_neither_signed_nor_kept(ready: Run) -> None:
    note = checkpoint_in(ready, "note")
    assert ready("account", "new-key", "eve", "--out", "eve.key").code == 0
    for bad in ("", "hello\n", note.replace("hospital-a", "hospital-b"), note.partition("— ")[0]):
        Path("bad").write_text(bad, encoding="utf-8")
        assert ready("ledger", "keep", "bad", *AT).code == 6
    Path("bad").write_text(note.partition("— ")[0], encoding="utf-8")
    ran = ready("ledger", "cosign", "bad", "--name", "eve", "--key", "eve.key")
    assert ran.code == 6
    assert "no signature of hospital-a" in ran.err
    assert ready("ledger", "cosign", "note", "--name", "two words", "--key", "eve.key").code == 2
    assert ready("ledger", "cosign", "gone", "--name", "eve", "--key", "eve.key").code == 1
    assert not KEPT.exists()


COMMANDS = (
    ("site", "check"),
    ("site", "adopt-policy", "baseline"),
    ("account", "list"),
    ("account", "disable", "dana", "--reason", "Left"),
    ("request", "list"),
    ("budget", "show"),
    ("budget", "grant", "admissions", "--epsilon", "4", "--delta", "1e-6"),
    ("ledger", "log"),
    ("ledger", "verify"),
    ("ledger", "checkpoint"),
    ("ledger", "export"),
    ("ledger", "keep", "both"),
)


def test_every_command_refuses_a_ledger_that_was_put_back(ready: Run) -> None:
    shutil.copy(LEDGER, "backup")
    assert ready("account", "disable", "dana", "--reason", "Left", *AT).code == 0
    checkpoint_in(ready, "note")
    Path("both").write_text(cosign(ready, "note", "hospital-b"), encoding="utf-8")
    assert "None is kept" in ready("site", "check", *AT).out
    assert ready("ledger", "keep", "both", *AT).code == 0
    assert "2 signatures" in ready("site", "check", *AT).out
    shutil.copy(LEDGER, "newest")
    shutil.copy("backup", LEDGER)
    for command in COMMANDS:
        ran = ready(*command, *AT)
        assert ran.code == 6, command
        assert "ledger-rolled-back" in ran.err or "The ledger had 8 entries" in ran.out, command
    shutil.copy("newest", LEDGER)
    assert ready("site", "check", *AT).code == 0


def test_the_newest_checkpoint_is_kept(ready: Run) -> None:
    older = checkpoint_in(ready, "older")
    assert ready("account", "disable", "dana", "--reason", "Left", *AT).code == 0
    newer = checkpoint_in(ready, "newer")
    assert ready("ledger", "keep", "newer", *AT).code == 0
    ran = ready("ledger", "keep", "older", *AT)
    assert "newer than the one given" in ran.out
    assert KEPT.read_text(encoding="utf-8") == newer != older


def test_a_damaged_kept_checkpoint_stops_the_site(ready: Run) -> None:
    checkpoint_in(ready, "note")
    assert ready("ledger", "keep", "note", *AT).code == 0
    KEPT.write_text(KEPT.read_text(encoding="utf-8").replace("hospital-a", "hospital-b"))
    for command in (("site", "check"), ("request", "list"), ("ledger", "verify")):
        ran = ready(*command, *AT)
        assert ran.code == 6, command
        assert "checkpoint-invalid" in ran.err
