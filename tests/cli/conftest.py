"""The program as a shell sees it, in this process: arguments in, exit code and two streams out."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from securefed.cli.app import main

if TYPE_CHECKING:
    from tests.study_desks import StudyDesks

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict:
        """The JSON document that it printed, which must be all that it printed."""
        return json.loads(self.out)


Run = Callable[..., Ran]
Desks = Callable[..., "StudyDesks"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs one command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("SECUREFED_SITE", raising=False)

    def call(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["securefed", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        shown = capsys.readouterr()
        return Ran(code, shown.out, shown.err)

    return call


@pytest.fixture
def desks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desks:
    """Makes the sites of a study, and puts them where the program looks for them."""
    # Not above: what they need takes longer to load than most tests of commands take.
    from securefed.wiring import run as wiring_run
    from securefed.wiring import study as wiring_study
    from tests.study_desks import StudyDesks, first_values

    def make(**changes: object) -> StudyDesks:
        made = StudyDesks(tmp_path, **changes)
        monkeypatch.setattr(wiring_study, "connect_site", made.connect)
        monkeypatch.setattr(wiring_run, "first_values", first_values)
        return made

    return make


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the folder of `ready` is kept once it has been made."""
    return tmp_path_factory.mktemp("prepared") / "folder"


@pytest.fixture
def ready(run: Run, prepared: Path, tmp_path: Path) -> Run:
    """A site called hospital-a with people, data, an allowance and one filed request."""
    if not prepared.exists():
        _prepare(run)
        shutil.copytree(tmp_path, prepared)
    else:
        shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    return run


def _prepare(run: Run) -> None:
    key = {who: run("account", "new-key", who, "--out", f"{who}.key").out.strip() for who in PEOPLE}
    assert run("site", "init", "hospital-a", "--owner", "olivia").code == 0
    for who, role in PEOPLE.items():
        added = run("account", "add", who, "--role", role, "--public-key", key[who], *AT)
        assert added.code == 0, added.err
    assert run("site", "add-data", str(ROOT / "sites/hospital-a/dataset.toml"), *AT).code == 0
    assert run("budget", "grant", "admissions", "--epsilon", "3", "--delta", "1e-6", *AT).code == 0
    submit(run, ROOT / "sites/study.toml")


PEOPLE = {"dana": "scientist", "ravi": "reviewer"}
AT = ("--site", "hospital-a")
# Who can open the study's sums; only their public keys matter here.
COORDINATOR, LATTICE, MASK = (f"ed25519:{digit * 64}" for digit in "456")
OPENERS = ("--coordinator", COORDINATOR, "--custodian", MASK, "--custodian", LATTICE)


def submit(run: Run, study: Path) -> str:
    """Signs a study as dana and files it at hospital-a; names the request."""
    who = ("--as", "dana", "--key", "dana.key")
    signed = run("study", "submit", str(study), *who, *OPENERS, "--json")
    assert signed.code == 0, signed.err
    [file] = [one["file"] for one in signed.document["requests"] if one["site"] == "hospital-a"]
    filed = run("request", "receive", file, *AT, "--json")
    assert filed.code == 0, filed.err
    return filed.document["request"]


def newest(run: Run) -> str:
    """The newest request at hospital-a."""
    return run("request", "list", *AT, "--json").document["requests"][-1]["request"]


def approve(run: Run, request: str, digest: str) -> Ran:
    """Ravi's approval."""
    who = ("--as", "ravi", "--key", "ravi.key")
    return run("request", "approve", request, "--plan", digest, *who, *AT)


def digest_of(run: Run, request: str) -> str:
    """The digest of a request's plan as it stands."""
    return run("request", "plan", request, *AT, "--json").document["digest"]
