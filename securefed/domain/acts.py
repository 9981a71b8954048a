"""What each event does to a register, and when it must not happen.

Two kinds of thing happen at a site: people decide, and work proceeds inside what they decided.
Every function here checks first and changes last. Authority comes from signatures by accounts in
force, never from who runs the process.
"""

from datetime import datetime

from securefed.domain import decision as made
from securefed.domain import event as happened
from securefed.domain.canonical import prefixed
from securefed.domain.event import LedgerEntry
from securefed.domain.facts import ReviewFacts
from securefed.domain.findings import Verdict, reviewers_needed, verdict_of
from securefed.domain.identifiers import RequestId
from securefed.domain.owner_acts import (
    admit,
    close_request,
    erase_data,
    pause_or_resume,
    register_card,
)
from securefed.domain.plan import ReviewPlan
from securefed.domain.policy import judge
from securefed.domain.proofs import keep_proof
from securefed.domain.records import to_bytes
from securefed.domain.register import FiledRequest, Register
from securefed.domain.request import REQUEST_KIND, RequestState, SignedRequest, moved
from securefed.domain.round import Round, RoundState
from securefed.domain.site import Role
from securefed.errors import (
    AlreadyExists,
    ApprovalExpired,
    ApprovalWithdrawn,
    ConfigInvalid,
    NotAllowedHere,
    NotInThisState,
    PlanStale,
    RefusedByPolicy,
    SignatureInvalid,
    TransitionInvalid,
)


def act(register: Register, entry: LedgerEntry) -> RequestId | None:
    """Applies an event; names the request that it approves, if it is an approval."""
    match entry.event:
        case happened.SiteFounded(site=site, owner=owner):
            if Role.OWNER not in owner.roles:
                raise ConfigInvalid("The first account of a site is its owner's")
            register.founded = site
            register.accounts[owner.account] = owner
        case happened.Decided(decided=decided):
            return _decide(register, decided, entry.at)
        case happened.RequestFiled(filed=filed):
            _file(register, filed)
        case happened.RequestClosed():
            _check_ended(register, entry.event, entry.at)
            close_request(register, entry.event.request, entry.event.state, "")
        case happened.ProtectionTested():
            keep_proof(register, entry.event)
        case happened.CallsRefused(since=since):
            if since > entry.at:
                raise TransitionInvalid("Calls were refused after the moment of their entry")
        case _:
            _proceed(register, entry.event, entry.at)
    return None


# --- decisions -----------------------------------------------------------------------------------


def _decide(register: Register, decided: made.SignedDecision, at: datetime) -> RequestId | None:
    decision = decided.decision
    _check_authority(register, decided, at)
    match decision:
        case made.Approval():
            _approve(register, decision, at)
            return decision.request
        case made.Denial(request=request, reason=reason):
            _check_state(register, request, RequestState.PENDING, "denied")
            close_request(register, request, RequestState.DENIED, reason)
        case made.Revocation(request=request, reason=reason):
            _check_state(register, request, RequestState.APPROVED, "revoked")
            close_request(register, request, RequestState.REVOKED, reason)
        case made.AllowanceGrant(allowance=allowance):
            _check_newest(register, decision, allowance.dataset)
            allowance.check_units(register.card(allowance.dataset).units)
            register.book(allowance.dataset).grant(allowance)
            register.decided_at[decision.kind, allowance.dataset] = decision.at
        case made.PolicyAdoption(policy=policy):
            _check_newest(register, decision, "")
            register.adopted = policy
            register.decided_at[decision.kind, ""] = decision.at
        case made.AccountAdmission(account=account):
            admit(register, account)
        case made.AccountSuspension(account=name):
            if [register.account(name).account] == register.owners():
                raise NotAllowedHere(f"{name} is the only owner and cannot be suspended")
            register.suspended.add(name)
        case made.DataRegistration(card=card):
            register_card(register, card)
        case made.DataErasure():
            erase_data(register, decision)
        case made.SitePause() | made.SiteResumption():
            pause_or_resume(register, decision)
    return None


def _check_authority(register: Register, decided: made.SignedDecision, at: datetime) -> None:
    decision = decided.decision
    account = register.account(decision.by)
    if decision.site != register.site.site:
        raise SignatureInvalid(f"The decision was made for {decision.site}")
    signed = prefixed(made.DECISION_KIND, to_bytes(decision))
    if not register.verify(account.key, signed, decided.signature):
        raise SignatureInvalid(f"The decision is not signed by {decision.by}")
    if decision.at > at:
        raise SignatureInvalid("The decision is dated after the moment of its entry")
    reviewing = isinstance(decision, made.BY_REVIEWERS)
    if not (account.reviews if reviewing else Role.OWNER in account.roles):
        raise NotAllowedHere(f"{decision.by} may not make a decision of kind {decision.kind}")


def _check_state(register: Register, name: RequestId, wanted: RequestState, how: str) -> None:
    state = register.request(name).state
    if state.closed:
        raise ApprovalWithdrawn(f"{name} is {state} already")
    if state is not wanted:
        raise NotInThisState(f"{name} is {state}; only a request that is {wanted} is {how}")


def _check_newest(register: Register, decision: made.Decision, about: str) -> None:
    """A decision that a newer one replaced cannot be put in force again by whoever kept a copy."""
    last = register.decided_at.get((decision.kind, about))
    if last is not None and decision.at < last:
        raise TransitionInvalid(f"A newer decision of kind {decision.kind} is in force")


def _approve(register: Register, approval: made.Approval, at: datetime) -> None:
    filed = register.request(approval.request)
    if not filed.state.closed:
        _check_state(register, approval.request, RequestState.PENDING, "approved")
    _check_plan(register, filed, approval)
    _check_judgement(register, approval.plan, at)
    state = moved(filed.state, RequestState.APPROVED)
    request = filed.signed.request
    if at >= request.expires_at:
        raise ApprovalExpired(f"{approval.request} has expired")
    agreeing = [one for one in filed.approvals if one.plan_digest == approval.plan_digest]
    if approval.by in {one.by for one in agreeing}:
        raise AlreadyExists(f"{approval.by} has approved this plan already")
    if len(agreeing) + 1 >= approval.plan.reviewers:
        register.book(request.dataset).reserve(request, at)
        filed.state, filed.approved_plan = state, approval.plan
        register.families.add(request.study.model.family)
        register.approved.setdefault(request.study.study, []).append(approval.plan)
    filed.approvals = [*agreeing, approval]


def _check_plan(register: Register, filed: FiledRequest, approval: made.Approval) -> None:
    plan, request = approval.plan, filed.signed.request
    if plan.digest != approval.plan_digest or plan.request != request:
        raise PlanStale("The approval's digest is not that of its plan for this request")
    if filed.state.closed:
        raise ApprovalWithdrawn(f"{approval.request} is {filed.state}")
    if plan.basis != register.basis(approval.request):
        raise PlanStale("The ledger has moved on since the plan was drawn up")
    if plan.policy_digest != register.policy.digest:
        raise PlanStale("The plan was judged by another policy")
    own = request.requester_key == register.account(approval.by).key
    if own or request.requester == approval.by:
        raise NotAllowedHere("A person never approves a request of their own")
    register.account(request.requester)


def _check_judgement(register: Register, plan: ReviewPlan, at: datetime) -> None:
    """Judges again, so that nobody can sign a plan that is milder than the policy.

    Only the accountant's figures are the plan's own: the ledger cannot repeat them. The wording of
    findings is not compared, so that it may improve while old ledgers still replay."""
    request = plan.request
    facts = ReviewFacts(
        request=request,
        card=register.card(request.dataset),
        machine=plan.machine,
        loss=plan.loss,
        dataset_loss=plan.dataset_loss,
        requester_loss=plan.requester_loss,
        known_families=register.known_families(),
        now=at,
    )
    findings = judge(register.policy, facts)
    deltas = {plan.loss.delta, plan.dataset_loss.delta, plan.requester_loss.delta}
    granted = register.book(request.dataset).granted(at)
    if (plan.card, deltas) != (facts.card, {granted.delta}):
        raise PlanStale("The plan shows another data card or δ than the site has")
    if (plan.verdict, plan.reviewers) != (verdict_of(findings), reviewers_needed(findings)):
        raise PlanStale("The plan's verdict is not the policy's")
    if plan.verdict is Verdict.REFUSE:
        raise RefusedByPolicy(f"The policy {plan.policy} refuses {request.request}")


# --- requests and rounds -------------------------------------------------------------------------


def _file(register: Register, filed: SignedRequest) -> None:
    request = filed.request
    register.check_open()
    account = register.account(request.requester)
    if request.site != register.site.site:
        raise SignatureInvalid(f"The request was filed for {request.site}")
    signed = prefixed(REQUEST_KIND, to_bytes(request))
    known = account.key == request.requester_key
    if not known or not register.verify(account.key, signed, filed.signature):
        raise SignatureInvalid(f"The request is not signed by {request.requester}")
    if Role.SCIENTIST not in account.roles:
        raise NotAllowedHere(f"{request.requester} may not file requests")
    register.card(request.dataset)
    if request.request in register.requests:
        raise AlreadyExists(f"{request.request} is filed already")
    register.requests[request.request] = FiledRequest(signed=filed)


def _check_ended(register: Register, event: happened.RequestClosed, at: datetime) -> None:
    filed = register.request(event.request)
    request = filed.signed.request
    if event.state is RequestState.EXPIRED and at >= request.expires_at:
        return
    if event.state is RequestState.COMPLETED and filed.state is RequestState.APPROVED:
        hold = register.book(request.dataset).holds[event.request]
        if hold.rounds_committed == request.study.rounds:
            return
    raise TransitionInvalid(f"{event.request} is not {event.state} yet")


def _may_run(register: Register, name: RequestId, at: datetime) -> ReviewPlan:
    plan = register.running(name, at)
    register.account(plan.request.requester)
    register.book(plan.request.dataset).granted(at)
    return plan


def _proceed(register: Register, event: happened.RoundEvent, at: datetime) -> None:
    """Work inside what was decided."""
    if isinstance(event, happened.RoundReserved):
        return _begin(register, event, at)
    if isinstance(event, happened.StepsAuthorised):
        _may_run(register, event.id.request, at)
    book = register.book_of(event.id)
    attempt = book.round(event.id)
    match event:
        case happened.StepsAuthorised(up_to=up_to):
            book.advance(attempt.authorised(up_to))
        case happened.RoundCommitted(steps_run=steps_run, released=released):
            book.advance(attempt.committed(steps_run, released))
        case happened.RoundAborted(cause=cause):
            book.advance(attempt.aborted(cause))
        case happened.RoundRefunded(cause=cause):
            book.advance(attempt.refunded(cause))
    return None


def _begin(register: Register, event: happened.RoundReserved, at: datetime) -> None:
    register.check_open()
    plan = _may_run(register, event.id.request, at)
    if plan.card != register.card(plan.request.dataset):
        raise PlanStale("The data card is not the one that was approved", where=str(event.id))
    book = register.book_of(event.id)
    if event.token in register.tokens:
        raise AlreadyExists("This run token was issued before", where=str(event.id))
    book.begin(
        Round(
            id=event.id,
            state=RoundState.RESERVED,
            token=event.token,
            steps_asked=plan.request.part.training.steps,
            steps_charged=0,
        )
    )
    register.tokens.add(event.token)
