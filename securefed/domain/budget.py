"""The budget of one dataset: an allowance, what has been spent of it, and what is promised.

The hard cap covers all requesters together, because they may collude; a requester's own share is a
second, lower cap. Both are enforced at one Rényi order, fixed when the first allowance is granted
(see `renyi`). Approving a request reserves everything that it could ever cost here; closing it
gives back what was never used. So at every moment: spent + reserved ≤ cap, whatever runs, fails or
crashes.

A `Book` is changed only by `Register` applying a ledger entry; every method checks, then changes.
"""

from datetime import datetime
from decimal import Decimal

from securefed.domain.allowance import Allowance
from securefed.domain.hold import Hold
from securefed.domain.identifiers import AccountId, DatasetId, Name, RequestId
from securefed.domain.privacy import Mechanism, gathered
from securefed.domain.renyi import total_at
from securefed.domain.request import CodeRequest
from securefed.domain.round import Round, RoundId, RoundState, attempt_loss
from securefed.domain.tally import Tally
from securefed.errors import (
    AllowanceBelowSpent,
    AllowanceExpired,
    AllowanceInvalid,
    AllowanceMissing,
    ApprovalExhausted,
    BudgetInsufficient,
    TransitionInvalid,
)

_NOTHING = Decimal(0)
_REQUEST_CLOSED = Name("request-closed")
# An attempt that never begins is free, but each one is two entries of the ledger.
_MOST_REFUNDED = 100


class Book:
    """The budget of one dataset, as a fold over the ledger's entries."""

    def __init__(self, dataset: DatasetId) -> None:
        self.dataset = dataset
        self.allowance: Allowance | None = None
        self.holds: dict[RequestId, Hold] = {}
        self._counted = _NOTHING
        self._reserved = _NOTHING
        self._work: dict[AccountId, Tally] = {}
        self._by_account: dict[AccountId, Decimal] = {}

    # --- what it says ---------------------------------------------------------------------------

    @property
    def counted(self) -> Decimal:
        """Spent and reserved together, at the allowance's order."""
        return self._counted

    @property
    def reserved(self) -> Decimal:
        """What open requests hold, used or not."""
        return self._reserved

    @property
    def spent(self) -> Decimal:
        """What closed requests were charged."""
        return self._counted - self._reserved

    @property
    def fixed_order(self) -> int | None:
        """The order that the allowance must keep, once a request has been approved under it."""
        return self.allowance.order if self.holds and self.allowance is not None else None

    def counted_for(self, account: AccountId) -> Decimal:
        """What one account has spent and reserved."""
        return self._by_account.get(account, _NOTHING)

    def mechanisms(self, account: AccountId | None = None) -> tuple[Mechanism, ...]:
        """Everything counted, of one account or of all."""
        tallies = [work for name, work in self._work.items() if account in (None, name)]
        return gathered(tuple(one for work in tallies for one in work.mechanisms()))

    def granted(self, now: datetime | None = None) -> Allowance:
        """The allowance in force; at a moment, if one is given."""
        if self.allowance is None:
            raise AllowanceMissing(f"No allowance has been granted for {self.dataset}")
        expires = self.allowance.expires_at
        if now is not None and expires is not None and now >= expires:
            raise AllowanceExpired(
                f"The allowance for {self.dataset} ended at {expires:%Y-%m-%d %H:%M}Z"
            )
        return self.allowance

    def need(self, request: CodeRequest) -> Decimal:
        """What approving the request would reserve."""
        granted = self.granted()
        return attempt_loss(request.part, granted.order) * request.study.attempts

    def left_for(self, account: AccountId) -> Decimal:
        """What one account may still reserve: the less of the dataset's and its own share."""
        granted = self.granted()
        return min(
            granted.cap - self._counted, granted.cap_for(account) - self.counted_for(account)
        )

    # --- what changes it ------------------------------------------------------------------------

    def grant(self, allowance: Allowance) -> None:
        """Sets, raises or lowers the allowance; never below what is counted."""
        if allowance.dataset != self.dataset:
            raise TransitionInvalid(
                f"An allowance for {allowance.dataset} in {self.dataset}'s book"
            )
        if self.fixed_order not in (None, allowance.order):
            raise AllowanceInvalid(
                f"The order is {self.fixed_order} since the first approval and stays so"
            )
        if allowance.cap < self._counted:
            raise AllowanceBelowSpent(
                f"ε={allowance.epsilon} is less than what {self.dataset} has spent"
            )
        for account, counted in self._by_account.items():
            if allowance.cap_for(account) < counted:
                raise AllowanceBelowSpent(f"{account} has already spent more than the given share")
        self.allowance = allowance

    def reserve(self, request: CodeRequest, now: datetime) -> None:
        """Holds everything that the request could cost, or refuses it."""
        granted, need = self.granted(now), self.need(request)
        if request.request in self.holds:
            raise TransitionInvalid(f"{request.request} holds its reservation already")
        if not need.is_finite() or need > self.left_for(request.requester):
            raise BudgetInsufficient(
                f"{request.request} needs {percent(need, granted.cap)} of the allowance of "
                f"{self.dataset}; {percent(self.left_for(request.requester), granted.cap)} is left"
            )
        self.holds[request.request] = Hold(request=request, reserved=need, order=granted.order)
        self._reserved += need
        self._count(request.requester, need)
        self._work.setdefault(request.requester, Tally()).add(request.whole)

    def begin(self, attempt: Round) -> None:
        """Enters a new attempt, its token not used yet."""
        hold = self._open_hold(attempt.id.request)
        study = hold.request.study
        if attempt.id in hold.rounds:
            raise TransitionInvalid("The attempt exists already", where=str(attempt.id))
        if attempt.id.round > study.rounds or hold.attempts_left() < 1:
            raise ApprovalExhausted(
                f"{attempt.id.request} is approved for {study.rounds} rounds and "
                f"{study.spare_attempts} spare attempts; none is left"
            )
        if len(hold.rounds) >= study.attempts + _MOST_REFUNDED:
            raise ApprovalExhausted(
                f"{attempt.id.request} had {_MOST_REFUNDED} attempts that never began; ask again",
                where=str(attempt.id),
            )
        if any(one.id.round == attempt.id.round and one.open for one in hold.rounds.values()):
            raise TransitionInvalid(
                "Another attempt at this round is not settled", where=str(attempt.id)
            )
        asked = hold.request.part.training.steps
        if (attempt.state, attempt.steps_charged, attempt.steps_asked) != (
            RoundState.RESERVED,
            0,
            asked,
        ):
            raise TransitionInvalid(
                "An attempt begins reserved, with no step charged", where=str(attempt.id)
            )
        if any(
            one.id.round == attempt.id.round and one.state is RoundState.COMMITTED
            for one in hold.rounds.values()
        ):
            raise TransitionInvalid("This round is committed already", where=str(attempt.id))
        hold.rounds[attempt.id] = attempt

    def round(self, id: RoundId) -> Round:
        """An attempt by its name."""
        try:
            return self.holds[id.request].rounds[id]
        except KeyError:
            raise TransitionInvalid("There is no such attempt", where=str(id)) from None

    def advance(self, attempt: Round) -> None:
        """Replaces an attempt by its next state; only an open request's attempts move."""
        hold = self._open_hold(attempt.id.request)
        self.round(attempt.id)
        hold.rounds[attempt.id] = attempt

    def close(self, request: RequestId) -> None:
        """Ends a request: what its attempts were charged stays, the rest is given back.

        Attempts that are still open are settled: begun ones as aborted, unused ones as refunded."""
        hold = self._open_hold(request)
        for id, attempt in hold.rounds.items():
            if attempt.open:
                hold.rounds[id] = attempt.ended(_REQUEST_CLOSED)
        hold.closed = True
        executed, asked = hold.executed, hold.request
        self._reserved -= hold.reserved
        self._count(asked.requester, total_at(executed, hold.order) - hold.reserved)
        work = self._work[asked.requester]
        work.add(executed)
        work.take(asked.whole)

    def _open_hold(self, request: RequestId) -> Hold:
        hold = self.holds.get(request)
        if hold is None or hold.closed:
            raise TransitionInvalid(f"{request} holds no reservation")
        return hold

    def _count(self, account: AccountId, change: Decimal) -> None:
        self._counted += change
        self._by_account[account] = self.counted_for(account) + change


def percent(part: Decimal, whole: Decimal) -> str:
    """A share of the allowance as people read it; what is over it says so."""
    if not part.is_finite():
        return "infinitely much"
    return f"{100 * part / whole:.1f} %"
