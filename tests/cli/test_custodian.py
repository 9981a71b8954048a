"""`securefed custodian`: a custodian made, asked, ended, as its owner does it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from securefed.adapters.ed25519_keys import Ed25519Signer
from securefed.domain.checkpoint import parse_checkpoint
from securefed.domain.identifiers import PublicKey, StudyId
from securefed.wiring.custodian import custodian_client
from tests.aggregation.round_of_sites import signer
from tests.cli.conftest import ROOT, Run

pytestmark = pytest.mark.slow

COORDINATOR = Ed25519Signer(b"c" * 32)
STUDY = (
    *("readmission", "--coordinator", COORDINATOR.key, "--quorum", "2", "--rounds", "5"),
    *("--site", f"hospital-b={signer(1).key}", "--site", f"hospital-a={signer(0).key}"),
    *("--parameters", "1000", "--suite", "bfv+mask", "--folder", "registry"),
)


@pytest.fixture
def ready(run: Run) -> Run:
    """A custodian of masks with one study."""
    assert run("custodian", "init", "registry", "--kind", "mask").code == 0
    assert run("custodian", "key", "new", *STUDY).code == 0
    return run


def test_a_custodian_is_made_and_says_its_key(run: Run, tmp_path: Path) -> None:
    made = run("custodian", "init", "registry", "--kind", "lattice", "--json")
    assert made.document["custodian"] == "registry"
    assert PublicKey(made.document["key"])
    assert (tmp_path / "registry" / "custodian.key").stat().st_mode & 0o777 == 0o600
    again = run("custodian", "init", "registry", "--kind", "lattice")
    assert (again.code, "already-exists" in again.err) == (2, True)


def test_keys_are_made_shown_rotated_and_destroyed(ready: Run, tmp_path: Path) -> None:
    at = ("--folder", "registry")
    shown = ready("custodian", "key", "show", "readmission", *at, "--json").document
    assert [one["card"]["number"] for one in shown["cards"]] == [1]
    assert shown["cards"][0]["card"]["mask"].startswith("x25519:")
    rotated = ready("custodian", "key", "rotate", "readmission", "--from-round", "3", *at)
    assert (rotated.code, "Key 2 of readmission" in rotated.out) == (0, True)
    gone = ready("custodian", "key", "destroy", "readmission", "--reason", "It has ended", *at)
    assert gone.out.startswith("2 of readmission's key files are overwritten and removed.")
    assert list((tmp_path / "registry" / "keys").iterdir()) == []
    refused = ready("custodian", "key", "show", "readmission", *at)
    assert (refused.code, "custody-refused" in refused.err) == (3, True)


def test_the_log_tells_what_was_done_and_pins_itself(ready: Run) -> None:
    told = ready("custodian", "log", "--folder", "registry")
    assert "readmission registered; key 1 made and published" in told.out
    document = ready("custodian", "log", "--folder", "registry", "--json").document
    kinds = [one["event"]["kind"] for one in document["entries"]]
    assert kinds == ["custody-founded", "study-registered"]
    note = ready("custodian", "log", "--folder", "registry", "--checkpoint").out
    assert parse_checkpoint(note).head.size == 2
    assert document["checkpoint"] == note


def test_a_log_that_was_edited_is_refused(ready: Run, tmp_path: Path) -> None:
    (tmp_path / "registry" / "kept.checkpoint").write_text("nothing")
    refused = ready("custodian", "log", "--folder", "registry")
    assert (refused.code, "checkpoint-invalid" in refused.err) == (6, True)


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--site", "hospital-c", "config-invalid"),
        ("--quorum", "1", "number-invalid"),
        ("--suite", "mask", ""),
        ("--coordinator", str(signer(0).key), "config-invalid"),
    ],
)
def test_what_no_owner_can_agree_to(run: Run, option: str, value: str, code: str) -> None:
    assert run("custodian", "init", "registry", "--kind", "mask").code == 0
    made = run("custodian", "key", "new", *STUDY, option, value)
    assert made.code == (2 if code else 0)
    assert code in made.err


def test_it_listens_to_others_only_with_a_certificate(ready: Run) -> None:
    refused = ready("custodian", "serve", "--folder", "registry", "--host", "0.0.0.0")  # noqa: S104
    assert (refused.code, "needs a certificate" in refused.err) == (2, True)
    half = ready("custodian", "serve", "--folder", "registry", "--certificate", "c.pem")
    assert (half.code, "given together" in half.err) == (2, True)


def test_it_serves_until_it_is_told_to_end(ready: Run, tmp_path: Path) -> None:
    code = "from securefed.cli.app import main; main()"
    command = [sys.executable, "-c", code, "custodian", "serve", "--port", "0", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SECUREFED_CUSTODIAN": "registry"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        lines = iter(server.stdout.readline, b"")
        told = b""
        while not told.endswith(b"}\n"):
            told += next(lines)
        said = json.loads(told)
        client = custodian_client(said["address"], PublicKey(said["key"]), COORDINATOR)
        [card] = client.cards(StudyId("readmission"))
        assert card.custodian == "registry"
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
        assert server.stderr.read() == b""
    assert list((tmp_path / "registry" / "passing").iterdir()) == []
    assert list((tmp_path / "registry").glob("log.db-*")) == []
