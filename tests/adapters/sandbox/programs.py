"""What a run does in tests, as generators: they yield messages or bytes, and are sent answers.

The same generator plays in memory and, since this file is a program too, inside real walls. Files
are a mapping of names to bytes: `given` cannot be written, `made` can.
"""

import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, MutableMapping
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

from securefed.domain.identifiers import Digest, Name, Version
from securefed.domain.privacy import DpSgd, Sampling
from securefed.domain.talk import (
    TO_RUN,
    Begin,
    Failed,
    Finished,
    FrameReader,
    FromRun,
    Ready,
    StepAsked,
    ToRun,
    framed,
    told,
)
from securefed.domain.token import Execution

Play: TypeAlias = Generator[FromRun | bytes, ToRun, None]
Program: TypeAlias = Callable[[Mapping[str, bytes], MutableMapping[str, bytes]], Play]

STEPS = 3
UPDATE = Name("update")
EXECUTED = Execution(
    code=Digest("sha256:" + "1" * 64),
    own_code=None,
    data=Digest("sha256:" + "2" * 64),
    engine=Version("0.1.0"),
    training=DpSgd(
        noise_multiplier=Decimal(1),
        sampling_rate=Decimal("0.1"),
        sampling=Sampling.POISSON,
        steps=STEPS,
        clip=Decimal(1),
    ),
    metrics=None,
)


def rounds(given: Mapping[str, bytes], made: MutableMapping[str, bytes]) -> Play:
    """An honest run: every round takes three steps and makes a file of what it finds."""
    answer = yield Ready()
    while isinstance(answer, Begin):
        for step in range(1, STEPS + 1):
            yield StepAsked(step=step)
        found = sorted(f"{name}={given[name].decode()}" for name in given)
        left = sorted(made)
        made[UPDATE] = f"{answer.document} {found} {left}".encode()
        answer = yield Finished(executed=EXECUTED, files=(UPDATE,))


def leaves_early(_: Mapping[str, bytes], __: MutableMapping[str, bytes]) -> Play:
    yield Ready()


def leaves_between_steps(_: Mapping[str, bytes], __: MutableMapping[str, bytes]) -> Play:
    yield Ready()
    yield StepAsked(step=1)


def fails(_: Mapping[str, bytes], __: MutableMapping[str, bytes]) -> Play:
    yield Ready()
    yield StepAsked(step=1)
    yield Failed(code=Name("training-failed"))


def fails_with_a_tale(_: Mapping[str, bytes], __: MutableMapping[str, bytes]) -> Play:
    yield Ready()
    yield Failed(code=Name("patient-4711-has-it"))


def asks_backwards(_: Mapping[str, bytes], __: MutableMapping[str, bytes]) -> Play:
    yield Ready()
    yield StepAsked(step=2)
    yield StepAsked(step=2)


def asks_beyond(_: Mapping[str, bytes], __: MutableMapping[str, bytes]) -> Play:
    yield Ready()
    yield StepAsked(step=10**9)


def ready_twice(_: Mapping[str, bytes], __: MutableMapping[str, bytes]) -> Play:
    yield Ready()
    yield Ready()


def garbage(_: Mapping[str, bytes], __: MutableMapping[str, bytes]) -> Play:
    yield b"\x00\x00\x00\x0epatient 4711: x"


def boasts(_: Mapping[str, bytes], __: MutableMapping[str, bytes]) -> Play:
    yield b"\xff\xff\xff\xff" + b"x" * 100


def half_a_message(_: Mapping[str, bytes], __: MutableMapping[str, bytes]) -> Play:
    yield framed(Ready())[:-1]


def silent(_: Mapping[str, bytes], __: MutableMapping[str, bytes]) -> Play:
    yield Ready()
    yield b""


def unknown_words(_: Mapping[str, bytes], __: MutableMapping[str, bytes]) -> Play:
    body = b'{"message":{"kind":"patient-4711"}}'
    yield len(body).to_bytes(4, "big") + body


PROGRAMS: dict[str, Program] = {
    one.__name__: one
    for one in (
        *(rounds, leaves_early, leaves_between_steps, fails, fails_with_a_tale, asks_backwards),
        *(asks_beyond, ready_twice, garbage, boasts, half_a_message, silent, unknown_words),
    )
}


class Folder(MutableMapping[str, bytes]):
    """A folder's files as a mapping."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getitem__(self, name: str) -> bytes:
        return (self._path / name).read_bytes()

    def __setitem__(self, name: str, data: bytes) -> None:
        (self._path / name).write_bytes(data)

    def __delitem__(self, name: str) -> None:
        (self._path / name).unlink()

    def __iter__(self) -> Iterator[str]:
        return (path.name for path in self._path.iterdir())

    def __len__(self) -> int:
        return len(list(self._path.iterdir()))


def perform(program: Program) -> None:
    """Plays a program over this process's pipes."""
    given, made = (Folder(Path(os.environ[f"SECUREFED_{one}"])) for one in ("IN", "OUT"))
    play, reader = program(given, made), FrameReader(most=TO_RUN)
    said = next(play)
    while True:
        data = said if isinstance(said, bytes) else framed(said)
        while data:
            data = data[os.write(1, data) :]
        answer = None
        while answer is None:
            read = os.read(0, reader.wanted)
            if not read:
                return
            answer = reader.feed(read)
        try:
            said = play.send(told(answer))
        except StopIteration:
            return


if __name__ == "__main__":
    perform(PROGRAMS[sys.argv[1]])
