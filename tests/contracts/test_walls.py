"""What all Walls do: whatever a run says, its site gets a message it can use, or the run ends."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from securefed.adapters.memory_walls import MemoryWalls
from securefed.adapters.sandbox import SandboxWalls
from securefed.domain.identifiers import Digest, Name
from securefed.domain.site import Sandbox
from securefed.domain.talk import Begin, End, Finished, Ready, StepAsked, StepGranted
from securefed.domain.walls import Ending
from securefed.errors import (
    ResultUnfit,
    RunEnded,
    RunGarbled,
    SecurefedError,
    StorageFailed,
    TrainingFailed,
    WallsTooWide,
)
from securefed.ports import Walled, Walls
from securefed.steps.attend_run import attend_round, await_run
from tests.adapters.sandbox.grounds import SHORT, an_enclosure, needs_bubblewrap, needs_linux
from tests.adapters.sandbox.programs import EXECUTED, PROGRAMS, STEPS, UPDATE

pytestmark = pytest.mark.slow

Start = Callable[[str], Walled]
HASTY = replace(SHORT, idle_s=1)


@pytest.fixture(
    params=[
        "memory",
        pytest.param(Sandbox.PROCESS, marks=needs_linux),
        pytest.param(Sandbox.BUBBLEWRAP, marks=needs_bubblewrap),
    ]
)
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Starts a program of `programs.py`, and stops it after the test."""
    started: list[Walled] = []
    memory = request.param == "memory"
    sandbox = Sandbox.BUBBLEWRAP if memory else request.param

    def begin(program: str) -> Walled:
        walls: Walls = MemoryWalls(PROGRAMS[program]) if memory else SandboxWalls(tmp_path)
        limits = HASTY if program in ("silent", "half_a_message") else SHORT
        started.append(walls.start(an_enclosure(tmp_path, sandbox, program, limits=limits)))
        return started[-1]

    yield begin
    for run in started:
        run.stop()
    assert not list(tmp_path.glob("run-*"))


class Charged:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def before_step(self, step: int) -> None:
        self.steps.append(step)


def test_a_round_step_by_step(start: Start) -> None:
    run = start("rounds")
    assert run.hear() == Ready()
    run.say(Begin(document="one"))
    for step in range(1, STEPS + 1):
        assert run.hear() == StepAsked(step=step)
        run.say(StepGranted(step=step))
    assert run.hear() == Finished(executed=EXECUTED, files=(UPDATE,))
    run.say(End())
    with pytest.raises(RunEnded, match=Ending.EXITED):
        run.hear()
    assert run.stop() is Ending.EXITED


def test_several_rounds_find_nothing_of_each_other(start: Start, tmp_path: Path) -> None:
    run, weights = start("rounds"), tmp_path / "weights"
    await_run(run)
    for number in ("1", "2", "3"):
        weights.write_text(f"w{number}")
        run.give(Name(f"weights-{number}"), weights)
        charged, seen = Charged(), list[int]()
        done = attend_round(run, Begin(document=number), charged, STEPS, seen.append)
        assert done.executed == EXECUTED
        assert charged.steps == seen == [1, 2, 3]
        target = tmp_path / f"update-{number}"
        digest = run.take(UPDATE, target, 1000)
        made = target.read_bytes()
        assert made == f"{number} ['weights-{number}=w{number}'] []".encode()
        assert digest == Digest("sha256:" + hashlib.sha256(made).hexdigest())
        run.empty()
        with pytest.raises(ResultUnfit, match="cannot be read"):
            run.take(UPDATE, tmp_path / "again", 1000)
    assert run.stop() is Ending.STOPPED


def test_a_result_is_taken_once_and_only_up_to_its_size(start: Start, tmp_path: Path) -> None:
    run = start("rounds")
    await_run(run)
    attend_round(run, Begin(document="x"), Charged(), STEPS)
    with pytest.raises(ResultUnfit, match="2 is the most"):
        run.take(UPDATE, tmp_path / "copy", 2)
    assert not (tmp_path / "copy").exists()
    with pytest.raises(ResultUnfit):
        run.take(Name("another"), tmp_path / "copy", 100)


def test_no_file_replaces_another(start: Start, tmp_path: Path) -> None:
    run, weights = start("rounds"), tmp_path / "weights"
    await_run(run)
    weights.write_text("w")
    run.give(UPDATE, weights)
    with pytest.raises(StorageFailed):
        run.give(UPDATE, weights)
    attend_round(run, Begin(document="x"), Charged(), STEPS)
    with pytest.raises(StorageFailed):
        run.take(UPDATE, weights, 1000)
    assert weights.read_text() == "w"


@pytest.mark.parametrize(
    ("program", "error", "ending"),
    [
        ("leaves_early", RunEnded, Ending.EXITED),
        ("leaves_between_steps", RunEnded, Ending.EXITED),
        ("fails", TrainingFailed, Ending.STOPPED),
        ("fails_with_a_tale", TrainingFailed, Ending.STOPPED),
        ("asks_backwards", RunGarbled, Ending.GARBLED),
        ("asks_beyond", RunGarbled, Ending.GARBLED),
        ("ready_twice", RunGarbled, Ending.GARBLED),
        ("garbage", RunGarbled, Ending.GARBLED),
        ("boasts", RunGarbled, Ending.GARBLED),
        ("unknown_words", RunGarbled, Ending.GARBLED),
        ("half_a_message", RunEnded, Ending.IDLE),
        ("silent", RunEnded, Ending.IDLE),
    ],
)
def test_whatever_else_a_run_says_ends_it(
    start: Start, program: str, error: type[SecurefedError], ending: Ending
) -> None:
    run = start(program)

    def attend() -> None:
        await_run(run)
        attend_round(run, Begin(document="x"), Charged(), STEPS)

    with pytest.raises(error) as caught:
        attend()
    assert "4711" not in f"{caught.value} {caught.value.__cause__}"
    assert run.stop() is ending


def test_a_meter_that_refuses_ends_the_run(start: Start) -> None:
    class Empty:
        def before_step(self, _: int) -> None:
            raise ResultUnfit("stands for an error of the ledger")

    run = start("rounds")
    await_run(run)
    with pytest.raises(ResultUnfit):
        attend_round(run, Begin(document="x"), Empty(), STEPS)
    assert run.stop() is Ending.STOPPED


def test_what_has_ended_stays_ended(start: Start, tmp_path: Path) -> None:
    run = start("rounds")
    await_run(run)
    assert run.stop() is Ending.STOPPED
    assert run.stop(Ending.GARBLED) is Ending.STOPPED
    uses: list[Callable[[], object]] = [
        run.hear,
        run.empty,
        lambda: run.say(End()),
        lambda: run.give(UPDATE, tmp_path),
        lambda: run.take(UPDATE, tmp_path / "x", 1),
    ]
    for use in uses:
        with pytest.raises(RunEnded, match=Ending.STOPPED):
            use()


def test_walls_with_a_view_of_the_keys_are_not_put_up(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    with pytest.raises(WallsTooWide):
        an_enclosure(tmp_path, Sandbox.BUBBLEWRAP, data=(tmp_path,), hidden=(tmp_path / "keys",))
