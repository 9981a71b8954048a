"""Closing what has ended by itself, so that unused reservations are free again.

Run before a plan is drawn up and at every start of a site. Requests whose time is over become
expired; requests whose rounds are all committed become completed. After a crash, attempts that were
running are aborted and stay charged, and attempts that never began are refunded. A site's server
and its owner's commands may do this at the same moment: what is stored then decides, so nothing is
closed twice.
"""

from datetime import datetime

from securefed.domain.event import RequestClosed, RoundAborted, RoundRefunded
from securefed.domain.identifiers import Name, RequestId
from securefed.domain.register import FiledRequest, Register
from securefed.domain.request import RequestState
from securefed.domain.round import Round, RoundId, RoundState
from securefed.steps.keep_ledger import SiteLedger


def close_ended(ledger: SiteLedger) -> tuple[RequestId, ...]:
    """Closes every request that has expired or is complete, and names those that it closed."""
    closed: list[RequestClosed] = []

    def close_next(register: Register, now: datetime) -> RequestClosed | None:
        found = _ended(register, now)
        if found is not None:
            closed.append(found)
        return found

    while _ended(ledger.register(), ledger.now()) is not None:
        ledger.record_found(close_next)
    return tuple(event.request for event in closed)


def settle_after_crash(ledger: SiteLedger) -> int:
    """Settles every attempt that is still open; says how many there were."""
    left = [attempt.id for attempt in _open(ledger.register())]
    return sum(end_round(ledger, id, Name("site-restarted")) for id in left)


def end_round(ledger: SiteLedger, id: RoundId, cause: Name) -> bool:
    """Settles an attempt without a result; says whether it was still open."""

    def ending(register: Register, _: datetime) -> RoundAborted | RoundRefunded | None:
        attempt = register.attempt(id)
        return None if attempt is None or not attempt.open else _ending(attempt, cause)

    return bool(ledger.record_found(ending))


def _ended(register: Register, now: datetime) -> RequestClosed | None:
    for name, filed in register.requests.items():
        state = None if filed.state.closed else _end_of(register, filed, now)
        if state is not None:
            return RequestClosed(request=name, state=state)
    return None


def _end_of(register: Register, filed: FiledRequest, now: datetime) -> RequestState | None:
    request = filed.signed.request
    if filed.state is RequestState.APPROVED:
        hold = register.book(request.dataset).holds[request.request]
        if hold.rounds_committed == request.study.rounds:
            return RequestState.COMPLETED
    return RequestState.EXPIRED if now >= request.expires_at else None


def _open(register: Register) -> list[Round]:
    return [
        attempt
        for book in register.books.values()
        for hold in book.holds.values()
        for attempt in hold.rounds.values()
        if attempt.open
    ]


def _ending(attempt: Round, cause: Name) -> RoundAborted | RoundRefunded:
    if attempt.state is RoundState.RUNNING:
        return RoundAborted(id=attempt.id, cause=cause)
    return RoundRefunded(id=attempt.id, cause=cause)
