"""The coordinator keeps its order, whatever it is asked first, and plays a whole round on disk."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from securefed.adapters.ed25519_keys import verify
from securefed.adapters.memory_round import MemoryFiles
from securefed.adapters.update_files import folder_files
from securefed.adapters.worker_processes import SpawnedWorkers
from securefed.aggregation import adding
from securefed.domain.study import Suite
from securefed.errors import (
    NotInThisState,
    ProtectionUnproven,
    SealInvalid,
    SumIncomplete,
    WorkerLost,
)
from securefed.parties.coordinator import CoordinatorParty, Equipment
from securefed.steps import aggregate_round
from tests.adapters.sealing.parties import play
from tests.aggregation.round_of_sites import roster, site
from tests.steps.sealed_round import SealedRound, sealed_round

pytestmark = pytest.mark.slow

T = TypeVar("T")
R = TypeVar("R")


def party(one: SealedRound, *held: str, processes: int = 1) -> CoordinatorParty:
    equipment = Equipment(tools=one.tools(*held), workers=SpawnedWorkers(processes))
    return CoordinatorParty(one.files, one.announced, equipment)


def test_no_update_is_taken_before_the_self_test_or_after_a_failed_one() -> None:
    one = sealed_round(2)
    content = one.sealed(0)
    coordinator = party(one)
    with pytest.raises(ProtectionUnproven, match="no self-test"):
        coordinator.receive(site(0), [content])
    failing = sealed_round(2)
    refused = party(failing, "OpeningKey")
    assert refused.prove().proof.failed
    with pytest.raises(ProtectionUnproven, match="no-secret-key"):
        refused.receive(site(0), [failing.sealed(0)])
    assert not refused.state.delivered
    coordinator.prove().check(verify)
    coordinator.receive(site(0), [content])
    assert list(coordinator.state.delivered) == [site(0)]


@pytest.mark.parametrize("suite", [Suite.BFV, Suite.BFV_MASK, Suite.MASK], ids=str)
def test_the_tallies_of_whoever_delivered_come_out_as_a_sum(suite: Suite) -> None:
    announced = roster(3, (1, 40, 7))
    one = SealedRound(play(announced, suite, parameters=50, bits=8, tally=6), MemoryFiles())
    tallies = np.random.default_rng(1).normal(0, 500, (3, 6))
    coordinator = party(one)
    coordinator.prove()
    for number in (0, 2):
        coordinator.receive(site(number), [one.sealed(number, tally=tallies[number])])
    with pytest.raises(NotInThisState):
        _ = coordinator.tally
    parts = [(place, part) for place, part in coordinator.average()]
    assert [place for place, _ in parts] == [slice(0, 50)]
    assert [part.size for _, part in parts] == [50]
    assert np.abs(coordinator.tally - tallies[[0, 2]].sum(0)).max() <= 2 / 128


def collected(one: SealedRound, sites: int) -> None:
    coordinator = party(one)
    coordinator.prove()
    for number in range(sites):
        coordinator.receive(site(number), [one.sealed(number)])
    with pytest.raises(SealInvalid):
        coordinator.receive(site(sites), [b"not sealed"])


@pytest.mark.parametrize("suite", [Suite.MASK, Suite.BFV_MASK])
def test_fifty_sites_on_disk_with_two_processes_and_a_restart(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "BLOCK_BYTES", 1 << 14)
    monkeypatch.setattr(aggregate_round, "ALONE_BYTES", 0)
    size = 20_000
    announced = play(roster(51), suite, parameters=size, quorum=40, bits=8)
    with folder_files(tmp_path) as files:
        one = SealedRound(announced, files)
        collected(one, 50)
    with folder_files(tmp_path) as files:
        one.files = files
        coordinator = party(one, processes=2)
        assert len(coordinator.state.delivered) == 50
        assert coordinator.state.refused[site(50)].code == "seal-invalid"
        content = coordinator.close()
        step = float(announced.seal.reach) / 127
        reach = float(announced.seal.reach)
        plain = np.mean(
            [np.clip(one.values(n).astype(np.float64), -reach, reach) for n in range(50)], axis=0
        )
        assert np.abs(one.opened(content()) - plain).max() <= step / 2 * 1.0001
        with content() as first, party(one).close()() as again:
            assert first.read() == again.read()


class Dying(SpawnedWorkers):
    """Workers of which one is lost."""

    def each(
        self, task: Callable[[T], R], items: Sequence[T]
    ) -> Generator[tuple[T, R], None, None]:
        with closing(super().each(task, items)) as results:
            yield next(results)
        raise WorkerLost("A worker process died")


def test_after_a_lost_worker_the_round_is_closed_with_the_same_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "BLOCK_BYTES", 1 << 20)
    monkeypatch.setattr(aggregate_round, "ALONE_BYTES", 0)
    one = sealed_round(4, parameters=900_000)
    sealed = [one.sealed(number) for number in range(3)]
    sums = []
    for name, workers in (("sound", SpawnedWorkers(1)), ("lost", Dying(2))):
        with folder_files(tmp_path / name) as files:
            one.files = files
            equipment = Equipment(tools=one.tools(), workers=workers)
            coordinator = CoordinatorParty(files, one.announced, equipment)
            coordinator.prove()
            with pytest.raises(SumIncomplete):
                coordinator.close()
            for number in range(3):
                coordinator.receive(site(number), [sealed[number]])
            if name == "lost":
                with pytest.raises(WorkerLost):
                    coordinator.close()
                coordinator = party(one, processes=2)
            with coordinator.close()() as file:
                sums.append(file.read())
    assert sums[0] == sums[1]
