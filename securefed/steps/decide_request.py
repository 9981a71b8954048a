"""Deciding on a request: approve a plan by its digest, deny, or revoke.

Approval draws the plan up again and compares digests. If anything that the plan shows has changed
since it was printed, the digest is another one, nothing is recorded, and the error says what
changed.
"""

from dataclasses import dataclass

from securefed.domain import decision as made
from securefed.domain.event import LedgerEntry
from securefed.domain.findings import Level, Verdict
from securefed.domain.identifiers import Digest, RequestId
from securefed.domain.plan import ReviewPlan, changes_between
from securefed.domain.records import to_plain
from securefed.domain.request import RequestState
from securefed.errors import ApprovalWithdrawn, NotInThisState, PlanStale, RefusedByPolicy
from securefed.ports import PlanShelf
from securefed.steps.keep_ledger import SiteLedger
from securefed.steps.prepare_site import Acting
from securefed.steps.review_request import Reviewing, review_request
from securefed.steps.sign_decision import record_decision


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """What an approval is checked with: a fresh plan, and the plans that were shown before."""

    reviewing: Reviewing
    shelf: PlanShelf


def approve_request(
    ledger: SiteLedger, request: RequestId, digest: Digest, by: Acting, context: Deciding
) -> LedgerEntry:
    """Records one reviewer's approval of exactly the plan with this digest."""
    now = ledger.now()
    filed = ledger.register().request(request)
    if filed.state.closed:
        raise ApprovalWithdrawn(f"{request} is {filed.state}")
    if filed.state is RequestState.APPROVED:
        raise NotInThisState(f"{request} is approved already")
    plan = review_request(ledger.register(), filed.signed.request, now, context.reviewing)
    if plan.digest != digest:
        raise _stale(plan, digest, context.shelf)
    if plan.verdict is Verdict.REFUSE:
        raise RefusedByPolicy(f"The policy {plan.policy} refuses {request}: {_refusals(plan)}")
    decision = made.Approval(
        site=ledger.site,
        by=by.account,
        at=now,
        reason=by.reason,
        request=request,
        plan_digest=digest,
        plan=plan,
    )
    return record_decision(ledger, decision, by.signer)


def deny_request(ledger: SiteLedger, request: RequestId, by: Acting) -> LedgerEntry:
    """Records a no to a pending request."""
    decision = made.Denial(
        site=ledger.site, by=by.account, at=ledger.now(), reason=by.reason, request=request
    )
    return record_decision(ledger, decision, by.signer)


def revoke_request(ledger: SiteLedger, request: RequestId, by: Acting) -> LedgerEntry:
    """Ends an approval; what its rounds were charged stays charged, the rest is free again."""
    decision = made.Revocation(
        site=ledger.site, by=by.account, at=ledger.now(), reason=by.reason, request=request
    )
    return record_decision(ledger, decision, by.signer)


def _stale(plan: ReviewPlan, digest: Digest, shelf: PlanShelf) -> PlanStale:
    read = shelf.find(digest)
    if read is None:
        return PlanStale(f"No plan with the digest {digest.short()} was drawn up at this site")
    if read.request.request != plan.request.request:
        return PlanStale(f"The digest is that of a plan for {read.request.request}")
    changes = changes_between(to_plain(read), to_plain(plan))
    lines = "; ".join(f"{one.what}: {one.before} → {one.after}" for one in changes)
    return PlanStale(f"The plan has changed since it was read: {lines}")


def _refusals(plan: ReviewPlan) -> str:
    return "; ".join(one.reason for one in plan.findings if one.level is Level.REFUSE)
