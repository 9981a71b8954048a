"""A second set of books for the life-cycle test: its own account of what was reserved and ran.

It knows nothing of `Register`, `Book`, `Hold` or `Round`. From the figures of `renyi` for one step
and one metric set it sums up, per request, what the site must count at most and at least.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from securefed.domain.identifiers import AccountId, RequestId
from securefed.domain.renyi import loss_of_one
from securefed.domain.request import CodeRequest
from securefed.domain.round import RoundId
from securefed.domain.token import RunToken


@dataclass
class Attempt:
    """What was seen of one attempt: its token, and the highest step that was allowed to run."""

    token: RunToken
    steps: int = 0
    over: str = ""


@dataclass
class Promise:
    """One approved request."""

    request: CodeRequest
    order: int
    attempts: dict[RoundId, Attempt] = field(default_factory=dict)
    open: bool = True

    def reserved(self) -> Decimal:
        """What was promised when it was approved."""
        study = self.request.study
        return (study.rounds + study.spare_attempts) * self._cost(self.request.part.training.steps)

    def ran(self) -> Decimal:
        """What ran, or may have."""
        return sum(
            (self._cost(one.steps) for one in self.attempts.values() if one.steps), Decimal(0)
        )

    def _cost(self, steps: int) -> Decimal:
        part = self.request.part
        cost = steps * loss_of_one(part.training.repeated(1), self.order)
        if part.metrics is not None:
            single = part.metrics.repeated(1)
            cost += part.metrics.releases * loss_of_one(single, self.order)
        return cost


@dataclass
class SecondBooks:
    """All promises of one dataset."""

    promises: dict[RequestId, Promise] = field(default_factory=dict)

    def open_ones(self) -> list[Promise]:
        """The promises that may still run."""
        return [one for one in self.promises.values() if one.open]

    def reserved(self) -> Decimal:
        """What open requests hold."""
        return sum((one.reserved() for one in self.open_ones()), Decimal(0))

    def spent(self) -> Decimal:
        """What closed requests were charged."""
        closed = (one.ran() for one in self.promises.values() if not one.open)
        return sum(closed, Decimal(0))

    def of_account(self, account: AccountId) -> Decimal:
        """What one account holds and has spent."""
        return sum(
            (
                one.reserved() if one.open else one.ran()
                for one in self.promises.values()
                if one.request.requester == account
            ),
            Decimal(0),
        )

    def tokens(self) -> list[tuple[RoundId, RunToken]]:
        """All attempts with their tokens, the newest first of those that are not over."""
        found = [pair for one in self.promises.values() for pair in one.attempts.items()]
        newest = sorted(found, key=lambda pair: (pair[1].over, -found.index(pair)))
        return [(id, one.token) for id, one in newest]

    def some_token(self, pick: int, other: bool) -> tuple[RoundId, RunToken]:
        """An attempt with its token, or with the token of another one."""
        found = self.tokens()
        id, token = found[pick % len(found)]
        return id, found[(pick + 1) % len(found)][1] if other else token
