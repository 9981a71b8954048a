"""`securefed study run` under dual custody: two custodians serve, three desks seal."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from securefed.adapters.memory_round import MemorySecrets
from securefed.adapters.this_machine import secrets
from securefed.domain.run_order import CORRECTION, RunOrder
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


@contextmanager
def serving(folder: Path, name: str) -> Iterator[str]:
    """A custodian's address, while it serves."""
    code = "from securefed.cli.app import main; main()"
    command = (sys.executable, "-c", code, "custodian", "serve", "--port", "0", "--json")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SECUREFED_CUSTODIAN": name}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        assert server.stdout is not None
        told = b""
        while not told.endswith(b"}\n"):
            told += server.stdout.readline()
        try:
            yield str(json.loads(told)["address"])
        finally:
            server.terminate()


@pytest.fixture
def desks(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StudyDesks]:
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
    with serving(tmp_path, "registry") as registry, serving(tmp_path, "notary") as notary:
        tables = (
            f'[custodians.{name}]\nurl = "{url}"\nkey = "{keys[name]}"\n'
            for name, url in (("registry", registry), ("notary", notary))
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
        yield desks


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
