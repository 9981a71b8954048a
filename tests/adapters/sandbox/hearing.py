"""Runs of a few lines of Python behind walls, heard out until they end."""

import os
import select
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from securefed.adapters.sandbox import SandboxedRun, SandboxWalls
from securefed.adapters.sandbox.keeper import descendants
from securefed.domain.site import Sandbox
from securefed.domain.talk import Failed, Finished, Ready, StepAsked
from securefed.domain.walls import Ending, Limits
from securefed.errors import RunEnded
from tests.adapters.sandbox.grounds import SHORT, around_code, needs_bubblewrap

BOTH = pytest.mark.parametrize(
    "sandbox", [Sandbox.PROCESS, pytest.param(Sandbox.BUBBLEWRAP, marks=needs_bubblewrap)]
)
READY = "import sys, time, os, signal\nfrom securefed.domain.talk import *\n"
SAY_READY = "os.write(1, framed(Ready()))\n"
SLEEP = "time.sleep(60)\n"


@contextmanager
def running(
    folder: Path, sandbox: Sandbox, code: str, limits: Limits = SHORT
) -> Iterator[SandboxedRun]:
    """A few lines of Python behind walls. Afterwards none of its processes is left."""
    run = SandboxWalls(folder).start(around_code(folder, sandbox, READY + code, limits))
    try:
        yield run
    finally:
        family = {run.keeper, *descendants(run.keeper)}
        run.stop()
        assert_gone(family)
        assert not list(folder.glob("run-*"))


def assert_gone(pids: Iterable[int]) -> None:
    """Waits until processes have ended; they end or the test fails."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with os.fdopen(handle, "rb", buffering=0):
            ended, _, _ = select.select([handle], [], [], 15)
            assert ended, pid


def ended(folder: Path, sandbox: Sandbox, code: str, limits: Limits = SHORT) -> Ending:
    """How a run ends that is listened to until it ends."""
    with running(folder, sandbox, code, limits) as run:
        with pytest.raises(RunEnded):
            listen(run)
        return run.stop()


def listen(run: SandboxedRun) -> None:
    """Hears a run out."""
    while isinstance(run.hear(), Ready | StepAsked | Finished | Failed):
        pass


def told(folder: Path, sandbox: Sandbox, code: str, limits: Limits = SHORT) -> str:
    """What a run that exits says on its error stream."""
    ending = ended(folder, sandbox, code, limits)
    said = (folder / "log").read_text()
    assert ending is Ending.EXITED, said
    return said
