"""Admission: whether an attempt at a round may begin at this site, now; then its reservation.

Everything that can be known without reading the data is checked before anything is written: the
approval, its time, whether this site is asked in the round, the machine that was approved, the
weights that were brought, and how the update will be protected. The ledger then checks rounds and
budget once more as it reserves. A proof of protection that failed is recorded, and gives the
attempt back unused.
"""

from collections.abc import Callable
from dataclasses import dataclass

from securefed.aggregation.plain_update import VALUE_BYTES
from securefed.domain.blob import BlobId
from securefed.domain.errand import Control, Protection, Train
from securefed.domain.identifiers import Digest, Name
from securefed.domain.plan import ReviewPlan, changes_between
from securefed.domain.records import to_plain
from securefed.domain.round import RoundId
from securefed.domain.site import Machine
from securefed.domain.study import Suite
from securefed.domain.token import RunToken
from securefed.errors import (
    BlobLengthWrong,
    ControlUnfit,
    NotAllowedHere,
    NotFound,
    PlanStale,
    ProtectionUnproven,
    SecurefedError,
)
from securefed.ports import BlobStore, Entropy
from securefed.steps.keep_ledger import SiteLedger
from securefed.steps.meter_round import refund_round, reserve_round
from securefed.steps.record_proof import record_proof

# Refuses a protection that is not the approved study's, at this site.
CheckProtection = Callable[[ReviewPlan, RoundId, Protection], None]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What admission is decided with, besides the ledger."""

    machine: Callable[[], Machine]
    blobs: BlobStore
    entropy: Entropy
    check_protection: CheckProtection


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """An attempt that may run: what was approved, the right to run it, and what was asked."""

    id: RoundId
    plan: ReviewPlan
    token: RunToken
    errand: Train


def admit_round(ledger: SiteLedger, id: RoundId, errand: Train, gate: Gate) -> Admitted:
    """Reserves the attempt, or says why it may not begin."""
    with ledger.held() as register:
        plan = register.running(id.request, ledger.now())
        register.account(plan.request.requester)
        _check_asked(plan, id)
        _check_machine(plan, gate.machine())
        _check_weights(plan, id, errand.weights, gate.blobs)
        _check_control(plan, id, errand.control, gate.blobs)
        _check_protected(plan, id, errand.protection, gate.check_protection)
        token = reserve_round(ledger, id, gate.entropy)
    if errand.protection is not None:
        _record(ledger, id, errand.protection)
    return Admitted(id=id, plan=plan, token=token, errand=errand)


def _check_asked(plan: ReviewPlan, id: RoundId) -> None:
    if plan.site not in plan.request.study.sites_of(id.round):
        raise NotAllowedHere("The study does not ask this site in this round", where=str(id))


def _check_machine(plan: ReviewPlan, machine: Machine) -> None:
    changes = changes_between(to_plain(plan.machine), to_plain(machine))
    if changes:
        names = ", ".join(one.what for one in changes)
        raise PlanStale(
            f"The machine is not the one that was approved: {names}",
            hint="Ask for approval again, or put back the software that was approved.",
        )


def _check_weights(plan: ReviewPlan, id: RoundId, weights: Digest | None, blobs: BlobStore) -> None:
    if weights is None:
        if id.round > 1:
            raise NotFound("A round after the first one begins with weights", where=str(id))
        return
    if id.round == 1:
        raise NotAllowedHere(
            "The first round begins with the weights that the study itself describes",
            where=str(id),
        )
    _check_brought(plan, id, weights, "weights", blobs)


def _check_control(
    plan: ReviewPlan, id: RoundId, control: Control | None, blobs: BlobStore
) -> None:
    """Its values are read before the first step; here, that it is there and can be meant."""
    if control is None:
        return
    if not plan.request.study.combining.control:
        raise NotAllowedHere("The approved study has no control variate", where=str(id))
    if control.round >= id.round:
        raise ControlUnfit("A control variate is made by an earlier round", where=str(id))
    _check_brought(plan, id, control.digest, "values of the control variate", blobs)


def _check_brought(
    plan: ReviewPlan, id: RoundId, digest: Digest, what: str, blobs: BlobStore
) -> None:
    held = blobs.held(BlobId(of=id, digest=digest))
    if not held.whole:
        raise NotFound(f"The {what} were not brought to this site", where=str(id))
    length = VALUE_BYTES * plan.request.study.model.parameters
    if held.length != length:
        raise BlobLengthWrong(
            f"The {what} have {held.length} bytes; the approved model's have {length}",
            where=str(id),
        )


def _check_protected(
    plan: ReviewPlan, id: RoundId, protection: Protection | None, check: CheckProtection
) -> None:
    if plan.request.study.sealing.suite is Suite.NONE:
        if protection is not None:
            raise ProtectionUnproven("The approved study seals nothing", where=str(id))
        return
    if protection is None:
        raise ProtectionUnproven("The approved study's updates are sealed", where=str(id))
    check(plan, id, protection)


def _record(ledger: SiteLedger, id: RoundId, protection: Protection) -> None:
    try:
        record_proof(ledger, id, protection.announced.seal, protection.proof)
    except SecurefedError as error:
        refund_round(ledger, id, Name(error.code))
        raise
