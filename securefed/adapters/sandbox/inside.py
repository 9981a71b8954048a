"""The run's side of the conversation: what a training process says to its site.

Takes the two pipes away from everything else in the process, so that a library that prints does not
spoil them. It stands before the engine's steps as `RoundMeter` does: a step runs when the site has
charged it. It protects the site from nothing; the site checks whatever is said here.

    site = SiteLine.open()
    while (begin := site.next_round()) is not None:
        ...                                  # site.before_step(k), before each step
        site.finished(executed, (Name("update"),))
"""

import os
from pathlib import Path

from securefed.domain.identifiers import Name
from securefed.domain.talk import (
    TO_RUN,
    Begin,
    End,
    Failed,
    Finished,
    FrameReader,
    FromRun,
    Ready,
    StepAsked,
    StepGranted,
    ToRun,
    framed,
    told,
)
from securefed.domain.token import Execution
from securefed.errors import RunCancelled, RunGarbled


class SiteLine:
    """The line to the site."""

    def __init__(self, *, hears: int, says: int) -> None:
        self._hears, self._says = hears, says
        self._reader = FrameReader(most=TO_RUN)
        self._next: FromRun = Ready()

    @classmethod
    def open(cls) -> "SiteLine":
        """Takes standard input and output for the line; what others print goes to the log."""
        hears, says = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        os.close(nothing)
        return cls(hears=hears, says=says)

    @property
    def given(self) -> Path:
        """The folder with the round's files."""
        return Path(os.environ["SECUREFED_IN"])

    @property
    def made(self) -> Path:
        """The folder for what the round makes."""
        return Path(os.environ["SECUREFED_OUT"])

    def next_round(self) -> Begin | None:
        """Says how the last round ended, and waits for the next; None where there is none."""
        answer = self._ask(self._next)
        if isinstance(answer, Begin | End):
            return answer if isinstance(answer, Begin) else None
        raise RunGarbled("The site did not say what comes next")

    def before_step(self, step: int) -> None:
        """Returns once the step is charged."""
        if self._ask(StepAsked(step=step)) != StepGranted(step=step):
            raise RunGarbled("The site did not grant the step that was asked for")

    def finished(self, executed: Execution, files: tuple[Name, ...]) -> None:
        """The round is done; it is said when the next one is asked for."""
        self._next = Finished(executed=executed, files=files)

    def failed(self, code: Name) -> None:
        """The round failed; it is said when the next one is asked for."""
        self._next = Failed(code=code)

    def _ask(self, message: FromRun) -> ToRun:
        left = memoryview(framed(message))
        while left:
            left = left[os.write(self._says, left) :]
        while (answer := self._reader.feed(self._read())) is None:
            pass  # the rest of it is on its way
        return told(answer)

    def _read(self) -> bytes:
        said = os.read(self._hears, self._reader.wanted)
        if not said:
            raise RunCancelled("The site has ended the conversation")
        return said
