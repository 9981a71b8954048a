"""What all workers do: each item once, errors come through, and nothing is left behind."""

import math
import multiprocessing
import os
from contextlib import closing

import pytest

from securefed.adapters.memory_round import MemoryWorkers
from securefed.adapters.worker_processes import SpawnedWorkers
from securefed.errors import SealInvalid, WorkerLost
from securefed.ports import Workers

pytestmark = pytest.mark.slow

every = pytest.mark.parametrize(
    "workers",
    [MemoryWorkers(), SpawnedWorkers(1), SpawnedWorkers(2)],
    ids=["memory", "one", "two"],
)


def refusing(item: int) -> int:
    if item == 3:
        raise SealInvalid("Chunk 3 has changed", where="site-0001")
    return item


def dying(item: int) -> int:
    if item == 3:
        os._exit(9)
    return item


def process(_: int) -> int:
    return os.getpid()


@every
def test_each_item_comes_once_with_its_result(workers: Workers) -> None:
    assert dict(workers.each(math.factorial, range(7))) == {n: math.factorial(n) for n in range(7)}
    assert list(workers.each(math.factorial, [])) == []
    assert not multiprocessing.active_children()


@every
def test_a_deliberate_error_comes_through_whole(workers: Workers) -> None:
    with pytest.raises(SealInvalid, match="Chunk 3 has changed") as caught:
        list(workers.each(refusing, range(6)))
    assert caught.value.where == "site-0001"
    assert not multiprocessing.active_children()


@every
def test_who_stops_early_leaves_no_process(workers: Workers) -> None:
    with closing(workers.each(math.factorial, range(50))) as results:
        next(results)
    assert not multiprocessing.active_children()


def test_two_workers_are_two_other_processes() -> None:
    found = {pid for _, pid in SpawnedWorkers(2).each(process, range(40))}
    assert len(found) == 2
    assert os.getpid() not in found


def test_a_worker_that_dies_is_named_and_none_is_left() -> None:
    with pytest.raises(WorkerLost, match="died"):
        list(SpawnedWorkers(2).each(dying, range(6)))
    assert not multiprocessing.active_children()
