"""`securefed demo`: real sites, real custodians, real rounds; and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from securefed.domain.privacy import DpSgd, GaussianRelease, Sampling
from securefed.wiring import basics
from tests.cli.conftest import ROOT, Run
from tests.site.processes import about, is_free, processes, until

pytestmark = pytest.mark.slow

pytest.importorskip("sklearn", reason="the demo's data come with scikit-learn")

SITES = {"hospital-a": 240, "hospital-b": 116, "hospital-c": 100}
ROUNDS = 2
PATIENCE = 300.0


@contextmanager
def demonstrating(folder: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """The program in a process of its own, as a person starts it."""
    code = "from securefed.cli.app import main; main()"
    command = (sys.executable, "-c", code, "demo", "--folder", str(folder), *options)
    path = os.pathsep.join([str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    with (
        (folder.parent / "said.txt").open("w") as said,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        ) as program,
    ):
        try:
            yield program
        finally:
            program.terminate()


def left_of(folder: Path) -> list[int]:
    """The processes that have to do with a folder, and are not this one."""
    return [pid for pid in processes() if str(folder).encode() in about(pid) and pid != os.getpid()]


def taken(folder: Path) -> list[str]:
    """The addresses of a demo at which somebody listens."""
    tables = tomllib.loads((folder / "federation.toml").read_text())
    urls = [one["url"] for kind in tables.values() for one in kind.values()]
    assert len(urls) == 5
    return [one for one in urls if not is_free("127.0.0.1", urlsplit(one).port or 0)]


def spent() -> Decimal:
    """What all rounds cost a site, from the study's numbers alone."""
    training = DpSgd(
        noise_multiplier=Decimal("4.0"),
        sampling_rate=Decimal("0.25"),
        sampling=Sampling.POISSON,
        steps=10 * ROUNDS,
        clip=Decimal(1),
    )
    metrics = GaussianRelease(noise_multiplier=Decimal(30), releases=ROUNDS)
    return basics.accountant().loss((training, metrics), Decimal("1e-5")).epsilon


def test_a_whole_federation_and_nothing_is_left(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with demonstrating(folder, "--rounds", str(ROUNDS), "--json") as program:
        out, _ = program.communicate(timeout=PATIENCE)
    assert program.returncode == 0, (tmp_path / "said.txt").read_text()
    assert left_of(folder) == []
    assert taken(folder) == []
    found = json.loads(out)
    assert (found["study"], found["rounds"]) == ("breast-cancer", ROUNDS)
    assert {one["name"]: one["records"] for one in found["sites"]} == SITES
    assert {one["steps"] for one in found["sites"]} == {10 * ROUNDS}
    assert {Decimal(one["epsilon"]) for one in found["sites"]} == {spent()}
    assert {Decimal(one["delta"]) for one in found["sites"]} == {Decimal("1e-5")}
    assert found["metrics"].pop("metric") == "accuracy"
    metrics = {name: Decimal(figure) for name, figure in found["metrics"].items()}
    assert Decimal(found["held_out"]["accuracy"]) == metrics["federated"]
    for figure in ("federated", "no_dp", "local_only"):
        assert metrics[figure] > metrics["line"] + Decimal("0.1")
    assert Decimal(found["bytes_per_parameter"]) > 4
    assert run("audit", "verify", found["report"]["evidence"]).code == 0
    assert (Path(found["report"]["html"]).name, found["running"]) == ("report.html", [])
    for name in SITES:
        assert run("ledger", "verify", "--site", str(folder / name)).code == 0
    for name in ("registry", "council"):
        told = run("custodian", "log", "--folder", str(folder / name), "--json").document
        opened = [one for one in told["entries"] if one["event"]["kind"] == "round-opened"]
        assert len(opened) == ROUNDS


def test_ctrl_c_stops_everything(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with demonstrating(folder) as program:
        until((folder / "hospital-c" / "serving.json").exists)
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=PATIENCE)
    assert program.returncode == 130, (tmp_path / "said.txt").read_text()
    assert left_of(folder) == []


def test_a_failure_stops_everything(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with demonstrating(folder) as program:
        until((folder / "logs" / "council-key.json").exists)
        (server,) = [
            pid
            for pid in left_of(folder)
            if b"serve\0--site\0" + str(folder / "hospital-a").encode() in about(pid)
        ]
        os.kill(server, signal.SIGKILL)
        program.communicate(timeout=PATIENCE)
    said = (tmp_path / "said.txt").read_text()
    assert (program.returncode, "program-failed" in said) == (1, True), said
    assert left_of(folder) == []


def test_a_folder_with_something_in_it_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    ran = run("demo", "--folder", str(tmp_path))
    assert (ran.code, "already-exists" in ran.err) == (2, True)
    assert [one.name for one in tmp_path.iterdir()] == ["note.txt"]
