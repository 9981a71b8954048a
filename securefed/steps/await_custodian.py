"""Asking custodians that may be away: the same request again, until one answers or time is over.

    awaited = Awaited(custodian, name, waiting)      # a custodian, as every other

Promises that whatever is asked again is asked in the same words, so that a custodian which had
opened a sum already, and whose answer was lost, gives that answer once more; that each absence is
said once, and its end; and that a refusal is passed on at once. How long one is awaited is told by
`domain.absence`; whoever stops the run has `wait` raise.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import BinaryIO, Protocol, TypeVar

from securefed.aggregation.chunks import Words
from securefed.aggregation.opening import Custodian, Held
from securefed.domain.absence import Absence, is_away
from securefed.domain.identifiers import Digest, Name
from securefed.domain.round_parts import BACK
from securefed.domain.update import Roster, Seal
from securefed.errors import SecurefedError

T = TypeVar("T")


class Note(Protocol):
    """What takes down what happened, for the study's log."""

    def __call__(self, part: str, began: float, *, words: str) -> None:
        """Takes it down: what it is called, when it began, and in words."""
        ...


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How custodians are awaited. `wait` sleeps for so many seconds, and raises where the run is to
    end; `note` is told what happened, since when, in words."""

    limit_s: float
    monotonic: Callable[[], float]
    wait: Callable[[float], None]
    note: Note

    def ask(self, custodian: Name, request: Callable[[], T]) -> T:
        """The answer, as soon as there is one."""
        absence: Absence | None = None
        while True:
            try:
                answer = request()
            except SecurefedError as error:
                if not is_away(error):
                    raise
                if absence is None:
                    absence = self._begun(custodian, error)
                self.wait(absence.pause(self.monotonic(), error))
            else:
                if absence is not None:
                    self.note(BACK, absence.since, words=f"{custodian} answers again")
                return answer

    def _begun(self, custodian: Name, error: SecurefedError) -> Absence:
        absence = Absence(custodian=custodian, since=self.monotonic(), limit_s=self.limit_s)
        self.note(error.code, absence.since, words=absence.told(error))
        return absence


class Awaited:
    """A custodian of a round that is asked again while it is away."""

    def __init__(self, custodian: Custodian, name: Name, waiting: Waiting) -> None:
        self._custodian, self._name, self._waiting = custodian, name, waiting

    @property
    def holds(self) -> Held:
        """Which key of a seal it has."""
        return self._custodian.holds

    def open(self, seal: Seal, roster: Roster, file: BinaryIO) -> Iterator[Words]:
        """Opens a round's sum. Words that were given out are not asked for again."""
        asked = partial(self._begun, seal, roster, file)
        yield from self._waiting.ask(self._name, asked)

    def prove(self, seal: Seal, roster: Roster, file: BinaryIO, expected: Digest) -> bool:
        """Whether a canary's sum opens to words of this digest."""

        def asked() -> bool:
            file.seek(0)
            return self._custodian.prove(seal, roster, file, expected)

        return self._waiting.ask(self._name, asked)

    def _begun(self, seal: Seal, roster: Roster, file: BinaryIO) -> Iterator[Words]:
        """The words, once the first of them is here."""
        file.seek(0)
        words = self._custodian.open(seal, roster, file)
        return chain(list(islice(words, 1)), words)
