"""Closing a round gives the exact sum: under each suite, after any crash, without who spoils it."""

import dataclasses
import io
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from typing import BinaryIO, TypeVar

import numpy as np
import pytest

from securefed.adapters.ed25519_keys import verify
from securefed.adapters.memory_round import MemoryFiles, MemoryWorkers
from securefed.aggregation import adding
from securefed.aggregation.sealed_file import check_sum
from securefed.domain.study import Suite
from securefed.errors import SecondRoster, SumIncomplete, UpdateLate
from securefed.steps import aggregate_round
from securefed.steps.aggregate_round import close_sum
from securefed.steps.collect_updates import Collecting, announce
from tests.adapters.sealing.parties import COORDINATOR
from tests.aggregation.round_of_sites import roster, site
from tests.steps.sealed_round import SealedRound, sealed_round

T = TypeVar("T")
R = TypeVar("R")


def close(one: SealedRound, collecting: Collecting) -> Callable[[], BinaryIO]:
    return close_sum(collecting, one.workers, COORDINATOR)


def summed(one: SealedRound, sealed: dict[int, bytes]) -> bytes:
    """The file of the sum of these sites' updates."""
    collecting = one.collecting()
    for number, content in sealed.items():
        collecting.receive(site(number), [content])
    with close(one, collecting)() as file:
        return file.read()


def plain_average(one: SealedRound, *numbers: int) -> np.ndarray:
    reach = float(one.play.seal.reach)
    values = [np.clip(one.values(number).astype(np.float64), -reach, reach) for number in numbers]
    return np.mean(values, axis=0)


@pytest.mark.parametrize("suite", [Suite.MASK, Suite.BFV, Suite.BFV_MASK])
def test_what_opens_is_the_average_of_those_who_delivered(suite: Suite) -> None:
    one = sealed_round(4, suite, parameters=9000, quorum=2)
    content = summed(one, {number: one.sealed(number) for number in (0, 2, 3)})
    step = float(one.play.seal.reach) / 2047
    found = one.opened(io.BytesIO(content))
    assert np.abs(found - plain_average(one, 0, 2, 3)).max() <= step / 2 * 1.0001


def test_the_sum_is_signed_over_its_contributors_and_asked_for_twice_is_the_same() -> None:
    one = sealed_round(3)
    collecting = one.collecting()
    for number in range(3):
        collecting.receive(site(number), [one.sealed(number)])
    first, again = close(one, collecting)().read(), close(one, one.collecting())().read()
    assert first == again
    seal, announced = one.play.seal, one.play.roster
    check = one.play.adder().check
    checked = check_sum(io.BytesIO(first), seal, announced, COORDINATOR.key, verify, check)
    assert checked.signed.sum.sites == (site(0), site(1), site(2))


def test_below_the_quorum_nothing_is_closed_and_more_can_come() -> None:
    one = sealed_round(4, quorum=3)
    collecting = one.collecting()
    for number in (0, 1):
        collecting.receive(site(number), [one.sealed(number)])
    with pytest.raises(SumIncomplete, match="2 sites are below the quorum of 3"):
        close(one, collecting)
    collecting.receive(site(3), [one.sealed(3)])
    assert np.allclose(one.opened(close(one, collecting)()), plain_average(one, 0, 1, 3), atol=2e-4)


def test_the_updates_are_gone_once_the_sum_is_there() -> None:
    files = MemoryFiles()
    one = sealed_round(3, files=files)
    summed(one, {number: one.sealed(number) for number in range(3)})
    kept = {"1.announced", "1.manifest", "1.sum"} | {f"1.{site(n)}.word" for n in range(3)}
    assert set(files.names()) == kept


def test_after_the_sum_an_update_is_late_and_another_attempt_or_roster_is_refused() -> None:
    one = sealed_round(4, quorum=2)
    late = one.sealed(3)
    collecting = one.collecting()
    for number in (0, 1):
        collecting.receive(site(number), [one.sealed(number)])
    before = close(one, collecting)().read()
    with pytest.raises(UpdateLate):
        collecting.receive(site(3), [late])
    with pytest.raises(UpdateLate):
        one.collecting().receive(site(3), [late])
    without_one = roster(3)
    other = dataclasses.replace(
        one.play.seal, attempt=2, roster=without_one.digest, contributors=3, quorum=2
    )
    with pytest.raises(SecondRoster, match="attempt 1 is closed"):
        announce(one.files, dataclasses.replace(one.announced, seal=other, roster=without_one))
    assert close(one, one.collecting())().read() == before


def _flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)


# --- files that change between the check and the adding -------------------------------------------


@pytest.mark.parametrize("spoil", [b"", b"short", None], ids=["empty", "short", "a byte"])
def test_a_site_whose_file_changed_is_put_out_by_name_and_the_rest_is_summed(
    spoil: bytes | None,
) -> None:
    files = MemoryFiles()
    one = sealed_round(4, files=files, quorum=3, parameters=400_000)
    collecting = one.collecting()
    for number in range(4):
        collecting.receive(site(number), [one.sealed(number)])
    name = f"1.{site(2)}.update"
    content = files.content[name]
    files.content[name] = _flipped(content, -2000) if spoil is None else spoil
    opened = one.opened(close(one, collecting)())
    assert np.allclose(opened, plain_average(one, 0, 1, 3), atol=2e-4)
    assert collecting.state.refused[site(2)].code == "seal-invalid"
    assert site(2) not in collecting.state.delivered


def test_a_file_that_is_gone_is_named_and_below_the_quorum_the_round_is_open_again() -> None:
    files = MemoryFiles()
    one = sealed_round(3, files=files, quorum=3)
    collecting = one.collecting()
    sealed = [one.sealed(number) for number in range(3)]
    for number in range(3):
        collecting.receive(site(number), [sealed[number]])
    files.remove(f"1.{site(1)}.update")
    with pytest.raises(SumIncomplete):
        close(one, collecting)
    assert collecting.state.refused[site(1)].code == "not-found"
    collecting.receive(site(1), [sealed[1]])
    assert np.allclose(one.opened(close(one, collecting)()), plain_average(one, 0, 1, 2), atol=2e-4)


def test_chunk_digests_that_changed_put_the_site_out_at_the_next_start() -> None:
    files = MemoryFiles()
    one = sealed_round(3, files=files, quorum=2)
    for number in range(3):
        one.collecting().receive(site(number), [one.sealed(number)])
    files.content[f"1.{site(0)}.digests"] = bytes(32)
    again = one.collecting()
    assert set(again.state.delivered) == {site(1), site(2)}
    assert again.state.refused[site(0)].code == "seal-invalid"


# --- crashes --------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process dies: nothing of ours catches it."""


class DyingFiles(MemoryFiles):
    """Files of a process that dies at its n-th write, before or after the write."""

    def __init__(self, content: dict[str, bytes], writes: int, *, after: bool) -> None:
        super().__init__(content)
        self.left = writes
        self.after = after

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        whole = b"".join(parts)
        self._write(lambda: super(DyingFiles, self).put(name, [whole]))

    def move(self, name: str, to: str) -> None:
        self._write(lambda: super(DyingFiles, self).move(name, to))

    def remove(self, *names: str) -> None:
        # One after the other: a process can die between any two of them.
        for name in names:
            self._write(partial(super().remove, name))

    def _write(self, act: Callable[[], None]) -> None:
        if self.left < 0:
            raise Crash
        self.left -= 1
        if self.left >= 0 or self.after:
            act()
        if self.left < 0:
            raise Crash


def attempt(one: SealedRound, sealed: dict[int, bytes]) -> bytes:
    """A process that takes in what is not there yet, and closes."""
    collecting = one.collecting()
    for number, content in sealed.items():
        if not collecting.state.closed:
            collecting.receive(site(number), [content])
    return close(one, collecting)().read()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_write_the_next_process_closes_the_same_sum(
    after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "BLOCK_BYTES", 1)
    base = sealed_round(3, parameters=500_000)
    sealed = {number: base.sealed(number) for number in range(3)}
    expected = attempt(base, sealed)
    deaths = 0
    for writes in range(100):
        content: dict[str, bytes] = {}
        try:
            attempt(SealedRound(base.play, DyingFiles(content, writes, after=after)), sealed)
        except Crash:
            deaths += 1
        else:
            break
        again = SealedRound(base.play, MemoryFiles(content))
        assert attempt(again, sealed) == expected
    assert deaths == writes > 20


class Counting(MemoryWorkers):
    """Workers that remember what they were given."""

    def __init__(self) -> None:
        self.given = 0

    def each(
        self, task: Callable[[T], R], items: Sequence[T]
    ) -> Generator[tuple[T, R], None, None]:
        self.given += len(items)
        return super().each(task, items)


def test_what_was_added_before_a_crash_is_not_added_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adding, "BLOCK_BYTES", 1)
    monkeypatch.setattr(aggregate_round, "ALONE_BYTES", 0)
    files = MemoryFiles()
    one = sealed_round(3, files=files, parameters=500_000)
    collecting = one.collecting()
    for number in range(3):
        collecting.receive(site(number), [one.sealed(number)])
    parts = len(adding.blocks_of(one.play.shape))
    dying = SealedRound(one.play, DyingFiles(files.content, 1, after=True))
    with pytest.raises(Crash):
        close(dying, dying.collecting())
    done = sum(name.startswith("1.part.") for name in files.names())
    assert 0 < done < parts
    one.workers = Counting()
    # A part that was damaged since is made again.
    name = next(name for name in files.names() if name.startswith("1.part."))
    files.content[name] = files.content[name][:-1] + b"\x00"
    close(one, one.collecting())
    assert one.workers.given == parts - done + 1


def test_workers_are_asked_only_where_there_is_much_to_add(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adding, "BLOCK_BYTES", 1)
    sums = []
    for alone in (1 << 30, 0):
        monkeypatch.setattr(aggregate_round, "ALONE_BYTES", alone)
        one = sealed_round(3, parameters=500_000)
        one.workers = counting = Counting()
        collecting = one.collecting()
        for number in range(3):
            collecting.receive(site(number), [one.sealed(number)])
        sums.append(one.opened(close(one, collecting)()))
        blocks = len(adding.blocks_of(one.play.shape))
        assert counting.given == (0 if alone else blocks)
    assert (sums[0] == sums[1]).all()
