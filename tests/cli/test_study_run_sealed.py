"""`securefed study run` under dual custody: two custodians serve, three desks seal."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from securefed.adapters.custodian_http.client import CustodianClient
from securefed.adapters.memory_round import MemorySecrets
from securefed.adapters.this_machine import secrets
from securefed.domain.run_order import CORRECTION, RunOrder
from securefed.errors import CustodianUnreachable
from securefed.parties.study_run import StudyRun
from securefed.recipes.layout import Values
from securefed.recipes.tallies import BinaryTally
from securefed.wiring import run as wiring_run
from securefed.wiring import study as wiring_study
from tests.cli.conftest import ROOT, Run
from tests.office import Files
from tests.study_desks import (
    SITES,
    SUMMED,
    Played,
    Playing,
    RealKeys,
    StudyDesks,
    adding,
    first_values,
)

pytestmark = pytest.mark.slow

AT = ("--federation", "federation.toml", "--as", "dana", "--key", "dana.key")
COORDINATOR = ("--coordinator-key", "coordinator.key")
HOLDS = {"registry": "lattice", "notary": "mask"}


def measured(seed: int) -> tuple[float, ...]:
    """A tally of the tabular recipe for two classes, with noise."""
    chance = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (400,), generator=chance)
    answers = torch.randn(400, generator=chance) + labels
    tally = BinaryTally().rows(answers, labels).sum(0).double()
    noised = tally + torch.randn(24, generator=chance)
    return tuple(noised.round(decimals=6).tolist())


TALLIES = {name: measured(number) for number, name in enumerate(SITES)}


class Serving:
    """A custodian's process, which a test may end and begin again at the same address."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name, self._port = folder, name, "0"
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> str:
        """Its address, once it serves."""
        code = "from securefed.cli.app import main; main()"
        command = (sys.executable, "-c", code, "custodian", "serve", "--port", self._port, "--json")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "SECUREFED_CUSTODIAN": self._name}
        self._process = subprocess.Popen(
            command,
            cwd=self._folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        told = b""
        while not told.endswith(b"}\n"):
            told += self._process.stdout.readline()
        address = str(json.loads(told)["address"])
        self._port = address.rpartition(":")[2]
        return address

    def end(self) -> None:
        """Ends it, where it runs."""
        if self._process is not None:
            with self._process as process:
                process.terminate()
            self._process = None


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[dict[str, Serving]]:
    """The custodians; none of them serves yet."""
    found = {name: Serving(tmp_path, name) for name in HOLDS}
    yield found
    for one in found.values():
        one.end()


@pytest.fixture
def desks(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serving: dict[str, Serving]
) -> StudyDesks:
    """Three sites and two custodians that know of each other; the study is filed and approved."""
    keys = {
        name: run("custodian", "init", name, "--kind", kind, "--json").document["key"]
        for name, kind in HOLDS.items()
    }
    coordinator = run("account", "new-key", "coordinator", "--out", "coordinator.key").out.strip()
    known = [
        option for name in SITES for option in ("--site", f"{name}={RealKeys().signer(name).key}")
    ]
    for name in HOLDS:
        made = run(
            *("custodian", "key", "new", "readmission", "--coordinator", coordinator, *known),
            *("--quorum", "2", "--suite", "bfv+mask", "--parameters", "4", "--rounds", "2"),
            *("--folder", name),
        )
        assert made.code == 0, made.err
    sealing = (
        f'suite = "bfv+mask"\ncoordinator = "{coordinator}"\n'
        f"custodians = {json.dumps(sorted(keys.values()))}"
    )
    # Other tests in this process hold keys of custodians.
    monkeypatch.setattr(secrets, "HeldSecrets", lambda _: MemorySecrets())
    tables = (
        f'[custodians.{name}]\nurl = "{one.begin()}"\nkey = "{keys[name]}"\n'
        for name, one in serving.items()
    )
    desks = StudyDesks(
        tmp_path,
        rounds=2,
        metrics=SUMMED,
        sealing=sealing,
        combining="[combining]\ncontrol = true",
        custodians="".join(tables),
    )
    for name in SITES:
        desks.sites[name].office.play = adding(0.1, 0.2, 0.3, 0.4, tally=TALLIES[name])
    monkeypatch.setattr(wiring_study, "connect_site", desks.connect)
    monkeypatch.setattr(wiring_run, "first_values", first_values)
    assert run("study", "submit", "study.toml", *AT).code == 0
    desks.approve()
    return desks


def noting(corrections: list[Values], play: Playing) -> Playing:
    """A run that also notes what its steps would be corrected by."""

    def noted(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Played:
        if CORRECTION in given:
            corrections.append(np.frombuffer(given[CORRECTION], "<f4"))
        return (yield from play(given, made, order))

    return noted


def test_sums_are_opened_and_no_update_is(run: Run, desks: StudyDesks, tmp_path: Path) -> None:
    corrections: dict[str, list[Values]] = {name: [] for name in SITES}
    for number, name in enumerate(SITES, 1):
        play = adding(0.1 * number, -0.1, 0.0, 0.05, tally=TALLIES[name])
        desks.sites[name].office.play = noting(corrections[name], play)
    other = run("study", "run", "study.toml", *AT)
    assert (other.code, "not that of the coordinator" in other.err) == (2, True)
    done = run("study", "run", "study.toml", *AT, *COORDINATOR, "--json")
    assert done.code == 0, done.err
    said = done.document
    assert [one["rounds"] for one in said["sites"]] == [2, 2, 2]
    assert {"add", "open", "step"} <= {one["part"] for one in said["times"][1]["parts"]}
    weights = load_file(tmp_path / said["model"] / "model.safetensors")
    assert weights["bias"] == pytest.approx([0.4], abs=1e-3)
    assert weights["weight"][0] == pytest.approx([-0.2, 0.0, 0.1], abs=1e-3)
    # What the opened sum told of all sites, less what each knows of itself alone.
    first = [corrections[name][0] for name in SITES]
    assert [one[0] for one in first] == pytest.approx([-0.1, 0, 0.1], abs=1e-3)
    assert np.abs(np.sum(first, axis=0)).max() < 1e-3
    for name in HOLDS:
        told = run("custodian", "log", "--folder", name, "--json").document["entries"]
        assert [one["event"]["kind"] for one in told].count("round-opened") == 2
    assert [desks.charged(name) for name in SITES] == [32] * 3
    # The metrics are those of the sum, and no site's own lay anywhere.
    wanted = BinaryTally().metrics(torch.tensor(list(TALLIES.values())).sum(0))
    for one in said["metrics"]:
        found = {name: float(value) for name, value in one.items() if name != "round"}
        assert found == pytest.approx(dict(wanted), abs=1e-3)
    files = [path.name for path in (tmp_path / "readmission.run" / "rounds" / "1").iterdir()]
    assert "metrics" in files
    assert not any(name.endswith(".metrics") for name in files)
    assert "fetch-metrics" not in {one["part"] for one in said["parts"]}
    looked = run("study", "run", "study.toml", *AT, *COORDINATOR)
    assert "Metrics of all sites together, from their noised sum" in looked.out


def test_below_the_quorum_nothing_is_opened_and_it_goes_on_later(
    run: Run, desks: StudyDesks
) -> None:
    for name in SITES[1:]:
        desks.sites[name].spoils = True
    lost = run("study", "run", "study.toml", *AT, *COORDINATOR)
    assert (lost.code, "1 of at least 2 sites finished round 1" in lost.err) == (6, True), lost.err
    for name in SITES[1:]:
        desks.sites[name].spoils = False
    done = run("study", "run", "study.toml", *AT, *COORDINATOR, "--json")
    assert done.code == 0, done.err
    assert [one["rounds"] for one in done.document["sites"]] == [2, 2, 2]
    assert [desks.charged(name) for name in SITES] == [32] * 3


def test_a_custodian_that_dies_with_its_answer_and_comes_back_opens_nothing_twice(
    run: Run,
    desks: StudyDesks,
    serving: dict[str, Serving],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post, pause = CustodianClient.post, StudyRun._pause
    pauses: list[float] = []

    def dies(self: CustodianClient, path: str, *sum_: object) -> object:
        answer = post(self, path, *sum_)
        if path.endswith("openings") and not pauses:
            answer.file.close()
            serving["registry"].end()
            pauses.append(0)
            raise CustodianUnreachable("The answer ended too early")
        return answer

    def paused(self: StudyRun, number: int, seconds: float = 0) -> None:
        if pauses and seconds:
            pauses.append(seconds)
            if len(pauses) == 3:
                serving["registry"].begin()
        pause(self, number, min(seconds, 0.1))

    monkeypatch.setattr(CustodianClient, "post", dies)
    monkeypatch.setattr(StudyRun, "_pause", paused)
    done = run("study", "run", "study.toml", *AT, *COORDINATOR, "--json")
    assert done.code == 0, done.err
    assert done.document["rounds"] == 2
    lines = run("study", "log", "study.toml", "--json").document["lines"]
    said = [one for one in lines if one["part"].startswith("custodian-")]
    assert [(one["part"], one["words"]) for one in said] == [
        (
            "custodian-unreachable",
            "registry: The answer ended too early; it is asked again for 60 minutes",
        ),
        ("custodian-back", "registry answers again"),
    ]
    for name in HOLDS:
        told = run("custodian", "log", "--folder", name, "--json").document["entries"]
        kinds = [one["event"]["kind"] for one in told]
        assert (kinds.count("round-opened"), kinds.count("opening-refused")) == (2, 0)
