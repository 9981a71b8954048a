"""Enclosures for tests: this interpreter, a program of a test, short limits."""

import shutil
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from securefed.adapters.sandbox import bubblewrap, inspect_interpreter
from securefed.domain.site import Sandbox
from securefed.domain.walls import Enclosure, Interpreter, Limits

PROGRAMS = Path(__file__).with_name("programs.py")
SHORT = Limits(
    memory_bytes=2**30,
    cpu_s=20,
    tasks=64,
    file_bytes=2**26,
    scratch_bytes=2**26,
    log_bytes=2**12,
    round_s=20,
    idle_s=10,
)
needs_bubblewrap = pytest.mark.skipif(
    bubblewrap.found() is None, reason="bubblewrap is not installed or does not start here"
)
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="a run needs Linux")


@cache
def this_interpreter() -> Interpreter:
    return inspect_interpreter(sys.executable, {})


def an_enclosure(
    folder: Path,
    sandbox: Sandbox,
    *arguments: str,
    data: tuple[Path, ...] = (),
    hidden: tuple[Path, ...] = (),
    limits: Limits = SHORT,
) -> Enclosure:
    """Walls around a program of `programs.py`, or around other arguments of this interpreter."""
    program = folder / "program.py"
    shutil.copyfile(PROGRAMS, program)
    return Enclosure(
        sandbox=sandbox,
        interpreter=this_interpreter(),
        arguments=(str(program), *arguments),
        data=(str(program), *map(str, data)),
        hidden=tuple(map(str, hidden)),
        log=str(folder / "log"),
        limits=limits,
    )


def around_code(folder: Path, sandbox: Sandbox, code: str, limits: Limits = SHORT) -> Enclosure:
    """Walls around a few lines of Python."""
    return replace(an_enclosure(folder, sandbox, limits=limits), arguments=("-c", code))
