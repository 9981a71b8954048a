"""Closing what has ended by itself, so that unused reservations are free again.

Run before a plan is drawn up and at every start of a site. Requests whose time is over become
expired; requests whose rounds are all committed become completed. After a crash, attempts that were
running are aborted and stay charged, and attempts that never began are refunded.
"""

from datetime import datetime

from securefed.domain.event import Event, RequestClosed, RoundAborted, RoundRefunded
from securefed.domain.identifiers import Name, RequestId
from securefed.domain.register import Register
from securefed.domain.request import RequestState
from securefed.domain.round import Round, RoundState
from securefed.steps.keep_ledger import SiteLedger


def close_ended(ledger: SiteLedger) -> tuple[RequestId, ...]:
    """Closes every request that has expired or is complete, and names them."""
    events = _ended(ledger.register(), ledger.now())
    for event in events:
        ledger.record(event)
    return tuple(event.request for event in events)


def settle_after_crash(ledger: SiteLedger) -> int:
    """Settles every attempt that is still open; says how many there were."""
    events = _unsettled(ledger.register())
    for event in events:
        ledger.record(event)
    return len(events)


def end_round(ledger: SiteLedger, attempt: Round, cause: Name) -> None:
    """Settles one open attempt without a result."""
    ledger.record(_ending(attempt, cause))


def _ended(register: Register, now: datetime) -> list[RequestClosed]:
    found = []
    for name, filed in register.requests.items():
        request = filed.signed.request
        if filed.state.closed:
            continue
        if filed.state is RequestState.APPROVED:
            hold = register.book(request.dataset).holds[name]
            if hold.rounds_committed == request.study.rounds:
                found.append(RequestClosed(request=name, state=RequestState.COMPLETED))
                continue
        if now >= request.expires_at:
            found.append(RequestClosed(request=name, state=RequestState.EXPIRED))
    return found


def _unsettled(register: Register) -> list[Event]:
    cause = Name("site-restarted")
    return [
        _ending(attempt, cause)
        for book in register.books.values()
        for hold in book.holds.values()
        for attempt in hold.rounds.values()
        if attempt.open
    ]


def _ending(attempt: Round, cause: Name) -> RoundAborted | RoundRefunded:
    if attempt.state is RoundState.RUNNING:
        return RoundAborted(id=attempt.id, cause=cause)
    return RoundRefunded(id=attempt.id, cause=cause)
