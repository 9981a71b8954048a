"""`securefed audit evidence` and `verify`: a site's folder in, a document out, and checked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import AT, ROOT, Run, approve, digest_of, newest

pytestmark = pytest.mark.slow

SCRIPT = ROOT / "audits" / "verify_evidence.py"


def gathered(run: Run, *more: str) -> dict:
    request = newest(run)
    assert approve(run, request, digest_of(run, request)).code == 0
    ran = run("audit", "evidence", *AT, *more, "--out", "evidence.json", "--json")
    assert ran.code == 0, ran.err
    return ran.document


def alone(*more: str) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), "evidence.json", *more], capture_output=True, text=True
    )
    return ran.returncode, ran.stdout


def site_key() -> str:
    document = json.loads(Path("evidence.json").read_text(encoding="utf-8"))
    return document["evidence"]["by"]["key"]


def test_a_sites_evidence_verifies_and_says_what_it_does_not_show(ready: Run) -> None:
    about = gathered(ready)
    assert (about["study"], about["gathered_by"], about["parties"]) == (
        None,
        "hospital-a",
        ["hospital-a"],
    )
    ran = ready("audit", "verify", "evidence.json")
    assert ran.code == 0, ran.err
    assert "No check failed." in ran.out
    assert "the document's own word" in ran.out
    assert "others have seen none of" in ran.out
    code, told = alone()
    assert (code, "1 sites and 0 custodians verify" in told) == (0, True)


def test_one_changed_byte_is_exit_six(ready: Run) -> None:
    gathered(ready)
    path = Path("evidence.json")
    path.write_bytes(path.read_bytes().replace(b"admissions", b"admissionz", 1))
    ran = ready("audit", "verify", "evidence.json", "--json")
    assert ran.code == 6
    assert ran.document["failed_first"] == "document: signed by its gatherer"
    assert alone()[0] == 6


def test_keys_and_checkpoints_from_elsewhere_are_held_against_it(ready: Run) -> None:
    assert ready("ledger", "checkpoint", *AT).code == 0
    Path("kept").write_text(ready("ledger", "checkpoint", *AT).out, encoding="utf-8")
    gathered(ready)
    brought = ("--known-key", f"hospital-a={site_key()}", "--checkpoint", "kept")
    ran = ready("audit", "verify", "evidence.json", *brought)
    assert ran.code == 0, ran.out
    assert "own word" not in ran.out
    assert alone(f"hospital-a={site_key()}", "kept")[0] == 0
    other = "ed25519:" + "7" * 64
    assert ready("audit", "verify", "evidence.json", "--known-key", f"hospital-a={other}").code == 6
    assert alone(f"hospital-a={other}")[0] == 6


def test_an_officer_joins_parts_and_signs(ready: Run) -> None:
    assert ready("custodian", "init", "registry", "--kind", "mask").code == 0
    assert ready("account", "new-key", "officer", "--out", "officer.key").code == 0
    gathered(ready)
    Path("evidence.json").rename("hospital-a.json")
    by = ("--name", "officer", "--key", "officer.key")
    parts = ("--custodian", "registry", "--part", "hospital-a.json")
    ran = ready("audit", "evidence", *parts, *by, "--out", "evidence.json", "--json")
    assert ran.code == 0, ran.err
    assert ran.document["parties"] == ["registry", "hospital-a"]
    assert ready("audit", "verify", "evidence.json").code == 0
    assert alone()[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Say who signs"),
        ((*AT, "--name", "officer"), "a name and a key"),
        ((*AT, "--part", "hospital-a.json"), "one of each party"),
        ((*AT, "--witness", "nonsense"), "is not a name"),
        ((*AT, "--part", "missing.json"), "Cannot read"),
    ],
)
def test_what_cannot_be_gathered_says_why(ready: Run, words: tuple[str, ...], told: str) -> None:
    gathered(ready)
    Path("evidence.json").rename("hospital-a.json")
    ran = ready("audit", "evidence", *words, "--out", "evidence.json")
    assert ran.code != 0
    assert told in ran.err
    assert not Path("evidence.json").exists()
