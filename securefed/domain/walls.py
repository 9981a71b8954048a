"""The walls around a run, as a description: what it may read, write and use, and how it may end.

An enclosure names exactly what a process sees: an interpreter with its folders, our package, one
dataset, and a scratch folder that is made for it and removed after it. It is made of absolute paths
without links, and refuses any that lie within, or around, what no run may see. Whether the walls
stand is the adapter's matter; nothing here looks at a disk.
"""

import re
from dataclasses import dataclass, fields
from enum import StrEnum

from securefed.domain.identifiers import Line, Version
from securefed.domain.numbers import count
from securefed.domain.site import Sandbox
from securefed.errors import ConfigInvalid, WallsTooWide

_ABSOLUTE = re.compile(r"(/[^/\0]+)+")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a run may use.

    Memory holds for each process, and for all of them together. `tasks` counts threads. A round
    ends after `round_s`, and after `idle_s` without a word; a run, however many rounds it serves,
    ends when one of its processes has computed for `cpu_s`."""

    memory_bytes: int = 16 * 2**30
    cpu_s: int = 7 * 24 * 3600
    tasks: int = 512
    open_files: int = 1024
    file_bytes: int = 16 * 2**30
    scratch_bytes: int = 32 * 2**30
    log_bytes: int = 2**20
    round_s: int = 24 * 3600
    idle_s: int = 900

    def __post_init__(self) -> None:
        for field in fields(self):
            count(field.name, getattr(self, field.name), most=2**50)


class Ending(StrEnum):
    """How a run ended; the words are for the message."""

    EXITED = "it exited by itself"
    FAILED = "it exited with an error"
    MEMORY = "it used more memory than its limit, or left the machine too little"
    TASKS = "it started more processes and threads than its limit"
    SCRATCH = "it filled its scratch folder beyond the limit"
    CPU = "it computed for longer than its limit"
    OVERTIME = "its round took longer than the limit"
    IDLE = "it said nothing for longer than the limit"
    CLOSED = "it closed the conversation"
    GARBLED = "it said something that has no place"
    STOPPED = "it was stopped"
    DESERTED = "the site's process was gone"
    NOT_STARTED = "it could not be started"
    LOST = "what watched over it was killed"


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python that runs: its program, the folders it needs, and what it can import."""

    program: str
    version: Version
    folders: tuple[str, ...]
    libraries: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class Enclosure:
    """One run's walls. `arguments` follow the interpreter; `hidden` is what no run may see."""

    sandbox: Sandbox
    interpreter: Interpreter
    arguments: tuple[str, ...]
    data: tuple[str, ...]
    hidden: tuple[str, ...]
    log: str
    gpu: bool = False
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        # The interpreter's own folders may stand for a link to it, so only their paths are checked.
        for path in (self.interpreter.program, self.log, *self.readable, *self.hidden):
            if not _ABSOLUTE.fullmatch(path) or {".", ".."} & set(path.split("/")):
                raise ConfigInvalid(f"{path!a} is not a plain absolute path")
        refuse_sight(self.readable, self.hidden)

    @property
    def readable(self) -> tuple[str, ...]:
        """The files and folders that the run may read, without those of the system and ours."""
        return (*self.interpreter.folders, *self.data)


def refuse_sight(readable: tuple[str, ...], hidden: tuple[str, ...]) -> None:
    """Refuses readable paths that lie within or around a hidden one, or are one."""
    for path in readable:
        for secret in hidden:
            if _holds(path, secret) or _holds(secret, path):
                raise WallsTooWide(f"A run that may read {path} could see {secret}")


def _holds(outer: str, inner: str) -> bool:
    return f"{inner}/".startswith(f"{outer}/")
