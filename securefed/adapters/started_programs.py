"""Programs of securefed that this one starts, each in a session of its own, with files for what it
says.

Promises that `stop` leaves none of them behind, nor what they started in their sessions: each is
asked to end, and killed after a while, by its own number and never by a name. Ctrl-C reaches none
of them before this program has decided what to do.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from securefed.domain.canonical import Plain
from securefed.errors import ProgramFailed, StorageFailed

_START = "from securefed.cli.app import main; main()"
_LOOK_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that was started: its process, what it prints, and what it says meanwhile."""

    name: str
    process: "subprocess.Popen[bytes]"
    printed: Path
    said: Path


class StartedPrograms:
    """Programs whose files lie in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.running: list[Program] = []

    def start(self, name: str, *arguments: str) -> Program:
        """Starts `securefed` with these arguments."""
        printed, said = self._folder / f"{name}.json", self._folder / f"{name}.txt"
        # -P: nothing is imported from the folder that this happens to run in.
        command = [sys.executable, "-P", "-c", _START, *arguments]
        try:
            with printed.open("wb") as out, said.open("wb") as err:
                process = subprocess.Popen(  # noqa: S603 - it starts this very program
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
        except OSError as error:
            what = f"{name} cannot be started: {error.strerror}"
            raise StorageFailed(what, where=str(self._folder)) from error
        program = Program(name=name, process=process, printed=printed, said=said)
        self.running.append(program)
        return program

    def answer(self, program: Program, patience_s: float) -> dict[str, Plain]:
        """The JSON document that a program prints first, at its end or while it goes on."""
        ends = time.monotonic() + patience_s
        while True:
            over = program.process.poll()
            found = _document(program.printed)
            if found is not None and over in (None, 0):
                return found
            if over is not None:
                raise ProgramFailed(
                    f"{program.name} ended with {over}: {_last_lines(program.said)}",
                    where=str(program.said),
                )
            if time.monotonic() > ends:
                what = f"{program.name} is not ready after {patience_s:.0f} seconds"
                raise ProgramFailed(what, where=str(program.said))
            time.sleep(_LOOK_S)

    @property
    def alive(self) -> list[Program]:
        """Those that have not ended."""
        return [one for one in self.running if one.process.poll() is None]

    def stop(self, patience_s: float) -> None:
        """Asks all of them to end, waits, and kills what is left."""
        for one in reversed(self.alive):
            one.process.terminate()
        ends = time.monotonic() + patience_s
        for one in self.running:
            _ended(one.process, ends)
        self.running.clear()


def _ended(process: "subprocess.Popen[bytes]", ends: float) -> None:
    if process.returncode is not None:
        return
    # Not reaped yet, so its number, which is also its session's, cannot be another's.
    look = os.WEXITED | os.WNOWAIT | os.WNOHANG
    while os.waitid(os.P_PID, process.pid, look) is None and time.monotonic() < ends:
        time.sleep(_LOOK_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _document(path: Path) -> dict[str, Plain] | None:
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _last_lines(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    return " / ".join(text.splitlines()[-3:])
