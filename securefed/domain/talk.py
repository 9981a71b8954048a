"""What a site and a run say to each other: a few messages, in frames of bounded length.

The run is not trusted. It asks, and every question has one answer: `Ready` and `Finished` are
answered with `Begin` or `End`, `StepAsked` with `StepGranted`. A frame is its length in four bytes
and canonical JSON. A length above the bound is refused before anything of the frame is read, an
unknown message is refused whole, and the refusal repeats nothing of it: it may hold private values.

    reader = FrameReader(most=FROM_RUN)
    while (frame := reader.feed(os.read(pipe, reader.wanted))) is None: ...
    heard(frame)    # Ready()
"""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias, TypeVar

from securefed.domain.identifiers import Name
from securefed.domain.numbers import count
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.token import Execution
from securefed.errors import NotCanonical, RecordInvalid, RunGarbled

FROM_RUN = 16 * 2**10
TO_RUN = 2**20
_FILES = 16
_HEADER = 4


@dataclass(frozen=True, kw_only=True)
class Ready:
    """The run has loaded its libraries and waits."""

    kind: ClassVar[str] = "ready"


@dataclass(frozen=True, kw_only=True)
class StepAsked:
    """May this step, counted from one, be run?"""

    kind: ClassVar[str] = "step-asked"
    step: int

    def __post_init__(self) -> None:
        count("step", self.step)


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The round is done: what was run, and the names of the files that came out."""

    kind: ClassVar[str] = "finished"
    executed: Execution
    files: tuple[Name, ...]

    def __post_init__(self) -> None:
        if len(set(self.files)) != len(self.files) or len(self.files) > _FILES:
            raise RecordInvalid(f"A round makes at most {_FILES} files, each named once")


@dataclass(frozen=True, kw_only=True)
class Failed:
    """The round failed: an error's code, and no more, since its text may hold private values."""

    kind: ClassVar[str] = "failed"
    code: Name


@dataclass(frozen=True, kw_only=True)
class Begin:
    """The next round: a document that says all that the run needs to know."""

    kind: ClassVar[str] = "begin"
    document: str


@dataclass(frozen=True, kw_only=True)
class StepGranted:
    """The step is charged and may be run."""

    kind: ClassVar[str] = "step-granted"
    step: int


@dataclass(frozen=True, kw_only=True)
class End:
    """There is no further round."""

    kind: ClassVar[str] = "end"


FromRun: TypeAlias = Ready | StepAsked | Finished | Failed
ToRun: TypeAlias = Begin | StepGranted | End


@dataclass(frozen=True, kw_only=True)
class _Heard:
    message: FromRun


@dataclass(frozen=True, kw_only=True)
class _Told:
    message: ToRun


E = TypeVar("E", _Heard, _Told)


def heard(frame: bytes) -> FromRun:
    """The message of a run in a frame."""
    return _opened(_Heard, frame).message


def told(frame: bytes) -> ToRun:
    """The message of a site in a frame."""
    return _opened(_Told, frame).message


def framed(message: FromRun | ToRun) -> bytes:
    """A message with its length in front; refuses one that the other side would not read."""
    if isinstance(message, Begin | StepGranted | End):
        body, most = to_bytes(_Told(message=message)), TO_RUN
    else:
        body, most = to_bytes(_Heard(message=message)), FROM_RUN
    if len(body) > most:
        raise RunGarbled(f"A message has {len(body)} bytes; {most} is the most")
    return len(body).to_bytes(_HEADER, "big") + body


class FrameReader:
    """Collects one frame after the other from bytes as they come, and keeps no more than one."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._kept = bytearray()

    @property
    def wanted(self) -> int:
        """How many bytes are still missing: more must not be read before these are fed."""
        if len(self._kept) < _HEADER:
            return _HEADER - len(self._kept)
        return _HEADER + int.from_bytes(self._kept[:_HEADER], "big") - len(self._kept)

    def feed(self, data: bytes) -> bytes | None:
        """The frame, if it is whole now."""
        if len(data) > self.wanted:
            raise ValueError("more bytes than were wanted")
        self._kept += data
        if len(self._kept) < _HEADER:
            return None
        length = int.from_bytes(self._kept[:_HEADER], "big")
        if not 0 < length <= self._most:
            raise RunGarbled(f"A message claims {length} bytes; {self._most} is the most")
        if self.wanted:
            return None
        frame = bytes(self._kept[_HEADER:])
        self._kept.clear()
        return frame


def _opened(wanted: type[E], frame: bytes) -> E:
    try:
        return from_bytes(wanted, frame)
    except (RecordInvalid, NotCanonical):
        raise RunGarbled("A message is not one of those that are known here") from None
