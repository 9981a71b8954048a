"""The walls in memory: a run is a generator that is played on, and its files are a dictionary.

Promises the conversation, the files and the endings of the real walls, which the contract tests
compare. Promises no wall at all, no time and no process: a run that says nothing has been silent
for too long at once.

    walls = MemoryWalls(program)    # program(given, made) yields messages and is sent the answers
"""

import hashlib
from collections.abc import Callable, Generator, Mapping, MutableMapping
from inspect import GEN_RUNNING, getgeneratorstate
from pathlib import Path
from typing import NoReturn, TypeAlias

from securefed.domain.identifiers import Digest, Name
from securefed.domain.site import Sandbox
from securefed.domain.talk import FROM_RUN, FrameReader, FromRun, ToRun, framed, heard, told
from securefed.domain.walls import Enclosure, Ending
from securefed.errors import ResultUnfit, RunEnded, RunGarbled, StorageFailed, WallsUnavailable

Play: TypeAlias = Generator[FromRun | bytes, ToRun, None]
Program: TypeAlias = Callable[[Mapping[str, bytes], MutableMapping[str, bytes]], Play]


class MemoryWalls:
    """Starts runs of one program, as if in the sandbox that is installed."""

    def __init__(self, program: Program, installed: Sandbox = Sandbox.BUBBLEWRAP) -> None:
        self._program = program
        self._installed = installed

    def start(self, enclosure: Enclosure) -> "MemoryRun":
        """Starts a run, or refuses where better walls are promised than are installed."""
        if (enclosure.sandbox, self._installed) == (Sandbox.BUBBLEWRAP, Sandbox.PROCESS):
            raise WallsUnavailable("The plan promises bubblewrap, which does not start here")
        return MemoryRun(self._program)


class MemoryRun:
    """A run in memory."""

    def __init__(self, program: Program) -> None:
        self._given: dict[str, bytes] = {}
        self._made: dict[str, bytes] = {}
        self._reader = FrameReader(most=FROM_RUN)
        self._ending: Ending | None = None
        self._play = program(self._given, self._made)
        self._said = next(self._play, None)

    def say(self, message: ToRun) -> None:
        """Sends a message."""
        self._refuse_if_ended()
        try:
            self._said = self._play.send(told(framed(message)[4:]))
        except StopIteration:
            self._said = None

    def hear(self) -> FromRun:
        """The run's next message."""
        self._refuse_if_ended()
        said, self._said = self._said, b""
        if said is None:
            self._end(Ending.EXITED)
        try:
            frame = self._frame(said if isinstance(said, bytes) else framed(said))
            if frame is None:
                self._end(Ending.IDLE)
            return heard(frame)
        except RunGarbled:
            self.stop(Ending.GARBLED)
            raise

    def give(self, name: Name, source: Path) -> None:
        """Adds a file to what the run can read."""
        self._refuse_if_ended()
        if name in self._given:
            raise StorageFailed("A run's files failed: File exists", where=name)
        self._given[name] = source.read_bytes()

    def take(self, name: Name, target: Path, most: int) -> Digest:
        """Writes what the run made to a new file."""
        self._refuse_if_ended()
        if name not in self._made:
            raise ResultUnfit(f"The file {name} cannot be read: it is not there")
        made = self._made[name]
        if len(made) > most:
            raise ResultUnfit(f"The file {name} has {len(made)} bytes; {most} is the most")
        try:
            with target.open("xb") as copy:
                copy.write(made)
        except OSError as error:
            raise StorageFailed(f"A run's files failed: {error.strerror}") from error
        return Digest("sha256:" + hashlib.sha256(made).hexdigest())

    def empty(self) -> None:
        """Forgets all files."""
        self._refuse_if_ended()
        self._given.clear()
        self._made.clear()

    def stop(self, ending: Ending = Ending.STOPPED) -> Ending:
        """Ends the run, if it has not ended; one that is at work notices at its next word."""
        if self._ending is None:
            self._ending = ending
            if getgeneratorstate(self._play) != GEN_RUNNING:
                self._play.close()
        return self._ending

    def _frame(self, said: bytes) -> bytes | None:
        frame = None
        while said and frame is None:
            wanted = self._reader.wanted
            frame = self._reader.feed(said[:wanted])
            said = said[wanted:]
        return frame

    def _end(self, ending: Ending) -> NoReturn:
        raise RunEnded(f"The run ended: {self.stop(ending)}")

    def _refuse_if_ended(self) -> None:
        if self._ending is not None:
            raise RunEnded(f"The run ended: {self._ending}")
