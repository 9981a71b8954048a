"""A training process's own side: steps are asked for over a line that nothing else can spoil."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from securefed.adapters.sandbox import SandboxWalls, SiteLine
from securefed.domain.talk import Begin, End, StepGranted, ToRun, framed
from securefed.domain.walls import Ending, Limits
from securefed.errors import RunCancelled, RunEnded, RunGarbled
from securefed.steps.attend_run import attend_round, await_run
from tests.adapters.sandbox.grounds import around_code, needs_linux
from tests.adapters.sandbox.hearing import BOTH
from tests.adapters.sandbox.programs import EXECUTED, STEPS, UPDATE

pytestmark = [pytest.mark.slow, needs_linux]

TRAINING = """
import sys
sys.path.insert(0, {folder!r})
import torch, opacus
from securefed.adapters.sandbox import SiteLine
from program import EXECUTED, STEPS, UPDATE
site = SiteLine.open()
print("a library prints")
while (begin := site.next_round()) is not None:
    total = torch.zeros(8)
    for step in range(1, STEPS + 1):
        site.before_step(step)
        total += torch.ones(8)
    (site.made / UPDATE).write_text(f"{{begin.document}} {{total.sum().item()}}")
    site.finished(EXECUTED, (UPDATE,))
"""


class Charged:
    def __init__(self) -> None:
        self.steps: list[int] = []

    def before_step(self, step: int) -> None:
        self.steps.append(step)


@BOTH
def test_torch_trains_behind_walls_round_after_round(tmp_path: Path, sandbox: object) -> None:
    enclosure = around_code(tmp_path, sandbox, TRAINING.format(folder=str(tmp_path)))
    limits = Limits(memory_bytes=3 * 2**30, idle_s=60)
    run = SandboxWalls(tmp_path).start(replace(enclosure, limits=limits))
    try:
        await_run(run)
        for number in ("1", "2"):
            charged = Charged()
            done = attend_round(run, Begin(document=number), charged, STEPS)
            assert (done.executed, done.files) == (EXECUTED, (UPDATE,))
            assert charged.steps == [1, 2, 3]
            run.take(UPDATE, tmp_path / number, 100)
            assert (tmp_path / number).read_text() == f"{number} 24.0"
            run.empty()
        run.say(End())
        with pytest.raises(RunEnded, match=Ending.EXITED):
            run.hear()
    finally:
        run.stop()
    assert "a library prints" in (tmp_path / "log").read_text()


def line_with(*answers: ToRun) -> tuple[SiteLine, Callable[[], None]]:
    """A line on which the answers wait already; what is said on it waits in a pipe."""
    hears, site_says = os.pipe()
    site_hears, says = os.pipe()
    os.write(site_says, b"".join(map(framed, answers)))
    os.close(site_says)

    def close() -> None:
        for descriptor in (hears, site_hears, says):
            os.close(descriptor)

    return SiteLine(hears=hears, says=says), close


def test_a_step_that_is_not_granted_is_not_run() -> None:
    for answer in (StepGranted(step=2), End(), Begin(document="")):
        line, close = line_with(answer)
        with pytest.raises(RunGarbled):
            line.before_step(1)
        close()


def test_a_site_that_is_gone_ends_the_run() -> None:
    line, close = line_with()
    with pytest.raises(RunCancelled):
        line.before_step(1)
    close()


def test_a_round_that_is_not_announced_is_not_begun() -> None:
    line, close = line_with(StepGranted(step=1))
    with pytest.raises(RunGarbled):
        line.next_round()
    close()
