"""One attempt at one round at a site, and what it has been charged for so far.

Steps are authorised before they run and never taken back: after a crash the last authorised step is
what is charged, because noise of a step that may have been seen is never drawn again for free. A
refund exists only for an attempt whose token was never used. Validate first, then return the next
value; nothing here changes in place.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from securefed.domain.identifiers import Digest, Name, RequestId
from securefed.domain.numbers import count
from securefed.domain.privacy import Mechanism
from securefed.domain.renyi import loss_of_one
from securefed.domain.study import Participant
from securefed.errors import TransitionInvalid


class RoundState(StrEnum):
    """Where an attempt stands."""

    RESERVED = "reserved"
    RUNNING = "running"
    COMMITTED = "committed"
    ABORTED = "aborted"
    REFUNDED = "refunded"


@dataclass(frozen=True, kw_only=True, order=True)
class RoundId:
    """Which attempt at which round of which request."""

    request: RequestId
    round: int
    attempt: int

    def __post_init__(self) -> None:
        count("round", self.round)
        count("attempt", self.attempt)

    def __str__(self) -> str:
        return f"{self.request} round {self.round} attempt {self.attempt}"


@dataclass(frozen=True, kw_only=True)
class Round:
    """An attempt: its state, the token that may run it, and how many steps it may have taken; once
    it is settled, what it released or why it ended."""

    id: RoundId
    state: RoundState
    token: Digest
    steps_asked: int
    steps_charged: int
    released: tuple[Digest, ...] = ()
    cause: Name | None = None

    @property
    def open(self) -> bool:
        """Whether the attempt is not settled yet."""
        return self.state in (RoundState.RESERVED, RoundState.RUNNING)

    def authorised(self, up_to: int) -> "Round":
        """The attempt with more steps charged, before any of them runs."""
        self._expect("authorise steps", RoundState.RESERVED, RoundState.RUNNING)
        if not self.steps_charged < up_to <= self.steps_asked:
            raise TransitionInvalid(
                f"Step {up_to} is not between {self.steps_charged + 1} and {self.steps_asked}",
                where=str(self.id),
            )
        return replace(self, state=RoundState.RUNNING, steps_charged=up_to)

    def committed(self, steps_run: int, released: tuple[Digest, ...]) -> "Round":
        """The attempt as finished. What was run must be exactly what was authorised."""
        self._expect("commit", RoundState.RUNNING)
        if steps_run != self.steps_charged:
            raise TransitionInvalid(
                f"{steps_run} steps were run but {self.steps_charged} were authorised",
                where=str(self.id),
            )
        return replace(self, state=RoundState.COMMITTED, released=released)

    def aborted(self, cause: Name) -> "Round":
        """The attempt as failed; what was authorised stays charged."""
        self._expect("abort", RoundState.RUNNING)
        return replace(self, state=RoundState.ABORTED, cause=cause)

    def refunded(self, cause: Name) -> "Round":
        """The attempt as never begun: its token was not used."""
        self._expect("refund", RoundState.RESERVED)
        return replace(self, state=RoundState.REFUNDED, cause=cause)

    def ended(self, cause: Name) -> "Round":
        """The attempt as settled without a result: failed if it began, else never begun."""
        running = self.state is RoundState.RUNNING
        return self.aborted(cause) if running else self.refunded(cause)

    def mechanisms(self, part: Participant) -> tuple[Mechanism, ...]:
        """What the attempt is charged for: its authorised steps, and its metrics once it runs."""
        if self.state is RoundState.REFUNDED or self.steps_charged == 0:
            return ()
        training = part.training.repeated(self.steps_charged)
        return (training,) if part.metrics is None else (training, part.metrics)

    def _expect(self, act: str, *states: RoundState) -> None:
        if self.state not in states:
            raise TransitionInvalid(
                f"Cannot {act}: the attempt is {self.state}", where=str(self.id)
            )


def attempt_loss(part: Participant, order: int) -> Decimal:
    """What a whole attempt costs at an order, before it begins."""
    return sum(
        (loss_of_one(one.repeated(1), order) * one.times for one in part.attempt), Decimal(0)
    )
