"""Metering one attempt at a round: reserve, authorise steps before they run, then settle.

The token is the runner's only right to begin; the ledger knows its digest. Steps are authorised
before a block of them runs, so that a crash leaves the block charged. Settling compares what was
executed with what the token allows, field by field: a difference aborts the attempt, and nothing it
made may leave. An attempt that private data may have ended (an exception, NaN, out of memory) stays
charged.
"""

from datetime import datetime

from securefed.domain.event import (
    LedgerEntry,
    RoundAborted,
    RoundCommitted,
    RoundRefunded,
    RoundReserved,
    StepsAuthorised,
)
from securefed.domain.identifiers import Digest, Name
from securefed.domain.numbers import count
from securefed.domain.register import Register
from securefed.domain.round import Round, RoundId
from securefed.domain.token import Execution, RunToken, approved_execution, departures
from securefed.errors import RunDeparted, TransitionInvalid
from securefed.ports import Entropy
from securefed.steps.keep_ledger import SiteLedger

DEPARTED = Name("run-departed")


def reserve_round(ledger: SiteLedger, id: RoundId, entropy: Entropy) -> RunToken:
    """Enters the attempt into the ledger, then returns the token that may run it."""
    token = _issue(ledger.register(), ledger.now(), id, entropy)
    ledger.record(RoundReserved(id=id, token=token.digest))
    return token


def authorise_steps(ledger: SiteLedger, token: RunToken, up_to: int) -> LedgerEntry:
    """Charges the steps up to this one. Only when this has returned may they run."""
    _check_token(ledger, token)
    return ledger.record(StepsAuthorised(id=token.id, up_to=up_to))


def settle_round(
    ledger: SiteLedger, token: RunToken, executed: Execution, released: tuple[Digest, ...]
) -> LedgerEntry:
    """Commits an attempt that ran exactly as allowed; aborts any other and refuses its release."""
    found = departures(token.execution, executed)
    if found:
        _check_token(ledger, token)
        abort_round(ledger, token.id, DEPARTED)
        raise RunDeparted(
            f"The run departs from its token in {', '.join(found)}", where=str(token.id)
        )
    return commit_round(ledger, token, executed.training.steps, released)


def commit_round(
    ledger: SiteLedger, token: RunToken, steps_run: int, released: tuple[Digest, ...]
) -> LedgerEntry:
    """Commits an attempt; the steps that ran are exactly those that were authorised."""
    _check_token(ledger, token)
    return ledger.record(RoundCommitted(id=token.id, steps_run=steps_run, released=released))


def abort_round(ledger: SiteLedger, id: RoundId, cause: Name) -> LedgerEntry:
    """Settles a failed attempt; its authorised steps stay charged."""
    return ledger.record(RoundAborted(id=id, cause=cause))


def refund_round(ledger: SiteLedger, id: RoundId, cause: Name) -> LedgerEntry:
    """Settles an attempt whose token was never used; it costs nothing."""
    return ledger.record(RoundRefunded(id=id, cause=cause))


def find_round(ledger: SiteLedger, id: RoundId) -> Round:
    """The attempt as the ledger has it."""
    return ledger.register().book_of(id).round(id)


class RoundMeter:
    """Stands between a trainer and its steps: a block is charged before its first step runs.

    One meter serves one attempt. Larger blocks mean fewer writes, and more steps charged for
    nothing
    when a crash comes between."""

    def __init__(self, ledger: SiteLedger, token: RunToken, block: int) -> None:
        self._ledger = ledger
        self._token = token
        self._block = count("block", block)
        self._authorised = 0

    def before_step(self, step: int) -> None:
        """Returns once the step, counted from one, is charged. A step never runs without this."""
        if step > self._authorised:
            up_to = min(step - 1 + self._block, self._token.execution.training.steps)
            authorise_steps(self._ledger, self._token, up_to)
            self._authorised = up_to

    def settle(self, executed: Execution, released: tuple[Digest, ...]) -> LedgerEntry:
        """Ends the attempt."""
        return settle_round(self._ledger, self._token, executed, released)


def _issue(register: Register, now: datetime, id: RoundId, entropy: Entropy) -> RunToken:
    plan = register.running(id.request, now)
    return RunToken(
        site=register.site.site,
        id=id,
        plan=plan.digest,
        execution=approved_execution(plan),
        secret=Digest("sha256:" + entropy.token().hex()),
    )


def _check_token(ledger: SiteLedger, token: RunToken) -> None:
    if find_round(ledger, token.id).token != token.digest:
        raise TransitionInvalid("The run token is not this attempt's", where=str(token.id))
