"""Metering one attempt at a round: reserve, authorise steps before they run, then settle.

The token is the runner's only right to begin; the ledger knows its digest. `authorise_steps` is
called before a block of steps runs, so that a crash leaves the block charged. An attempt that
private data may have ended (an exception, NaN, out of memory) is aborted and stays charged.
"""

from securefed.domain.canonical import digest_of
from securefed.domain.event import (
    LedgerEntry,
    RoundAborted,
    RoundCommitted,
    RoundRefunded,
    RoundReserved,
    StepsAuthorised,
)
from securefed.domain.identifiers import Digest, Name
from securefed.domain.round import Round, RoundId
from securefed.errors import TransitionInvalid
from securefed.ports import Entropy
from securefed.steps.keep_ledger import SiteLedger

TOKEN_KIND = "run-token"


def reserve_round(ledger: SiteLedger, id: RoundId, entropy: Entropy) -> bytes:
    """Enters the attempt into the ledger, then returns the token that may run it."""
    token = entropy.token()
    event = RoundReserved(id=id, token=digest_of(TOKEN_KIND, token))
    ledger.record(event)
    return token


def authorise_steps(ledger: SiteLedger, id: RoundId, token: bytes, up_to: int) -> LedgerEntry:
    """Charges the steps up to this one. Only when this has returned may they run."""
    _check_token(ledger, id, token)
    return ledger.record(StepsAuthorised(id=id, up_to=up_to))


def commit_round(
    ledger: SiteLedger, id: RoundId, token: bytes, steps_run: int, released: tuple[Digest, ...]
) -> LedgerEntry:
    """Settles a finished attempt; what ran must be exactly what was authorised."""
    _check_token(ledger, id, token)
    event = RoundCommitted(id=id, steps_run=steps_run, released=released)
    return ledger.record(event)


def abort_round(ledger: SiteLedger, id: RoundId, cause: Name) -> LedgerEntry:
    """Settles a failed attempt; its authorised steps stay charged."""
    return ledger.record(RoundAborted(id=id, cause=cause))


def refund_round(ledger: SiteLedger, id: RoundId, cause: Name) -> LedgerEntry:
    """Settles an attempt whose token was never used; it costs nothing."""
    return ledger.record(RoundRefunded(id=id, cause=cause))


def find_round(ledger: SiteLedger, id: RoundId) -> Round:
    """The attempt as the ledger has it."""
    return ledger.register().book_of(id).round(id)


def _check_token(ledger: SiteLedger, id: RoundId, token: bytes) -> None:
    if find_round(ledger, id).token != digest_of(TOKEN_KIND, token):
        raise TransitionInvalid("The run token is not this attempt's", where=str(id))
