"""Two processes train one model: the same weights, noise once, draws apart, and nobody hangs."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch

from securefed.adapters.opacus_training.ranks import Ranks, joined_ranks
from securefed.errors import DeviceUnavailable

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("two_ranks.py")
# What ends a run that hangs; one that does not takes some seconds.
PATIENCE = 120
Told: TypeAlias = list[dict[str, Any]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What each of two processes saw, story by story."""
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    where = ["--master-addr=127.0.0.1", f"--master-port={port}"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    with (folder / "log").open("w") as log:
        # In a session of its own, so that whatever it started can be ended with it.
        process = subprocess.Popen(
            [*command, *where, str(SCRIPT), str(folder)],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(PATIENCE)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()
    assert code != 0, "the last story ends badly in both"
    files = [folder / f"rank{rank}.json" for rank in range(2)]
    assert all(file.exists() for file in files), (folder / "log").read_text()[-3000:]
    return [json.loads(file.read_text()) for file in files]


def test_both_end_with_the_same_weights(told: Told) -> None:
    first, second = told
    assert first["weights"] == second["weights"]
    assert first["executed"] == second["executed"] == 6


def test_each_draws_from_its_own_share_by_chances_of_its_own(told: Told) -> None:
    for rank, one in enumerate(told):
        drawn = [number for step in one["drawn"] for number in step]
        assert drawn
        assert {number % 2 for number in drawn} == {rank}
    first, second = ([{n // 2 for n in step} for step in one["drawn"]] for one in told)
    assert first != second


def test_the_sum_is_that_of_everybody_over_all_expected_units(told: Told) -> None:
    for one in told:
        assert one["sum_error"] < 1e-5


def test_noise_is_added_once(told: Told) -> None:
    samples = told[0]["noise_samples"]
    assert abs(told[0]["noise_share"] - 1) < 7 * (2 / samples) ** 0.5
    assert told[0]["noise_share"] == told[1]["noise_share"]


def test_a_process_that_never_has_a_unit_does_not_stop_the_others(told: Told) -> None:
    assert [one["one_unit"] for one in told] == [20, 20]


def test_a_gate_that_refuses_ends_both_at_once(told: Told) -> None:
    assert told[0]["refused"] == ["Refused", 2]
    assert told[1]["refused"] == ["RunCancelled", 2]


def test_a_gate_that_breaks_ends_both_at_once(told: Told) -> None:
    assert told[0]["broken"] == ["TrainingFailed", 2]
    assert told[1]["broken"] == ["RunCancelled", 2]


def test_a_run_that_is_cancelled_ends_in_both(told: Told) -> None:
    assert [one["cancelled"] for one in told] == [["RunCancelled", 3], ["RunCancelled", 3]]


def test_both_go_on_from_the_same_checkpoint(told: Told) -> None:
    assert told[0]["resumed"] == told[1]["resumed"]
    assert told[0]["resumed_steps"] == told[1]["resumed_steps"] == [5, 6]


def test_processes_that_were_told_different_charges_do_not_run(told: Told) -> None:
    assert told[1]["charges"] == ["CheckpointUnusable", 0]
    assert told[0]["charges"][1] == 0


def test_a_process_that_fails_ends_the_other_too(told: Told) -> None:
    assert [one["failed"] for one in told] == [["TrainingFailed", 0], ["TrainingFailed", 0]]


def test_processes_that_do_not_find_each_other_are_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(DeviceUnavailable), joined_ranks(torch.device("cpu")):
        pass


@pytest.mark.parametrize("world", [1, 2, 3, 7])
@pytest.mark.parametrize("units", [0, 1, 5, 7, 20])
def test_shares_are_disjoint_and_whole(units: int, world: int) -> None:
    shares = [
        Ranks(rank, world).own(np.arange(Ranks(rank, world).share(units))) for rank in range(world)
    ]
    assert sorted(np.concatenate(shares).tolist()) == list(range(units))
