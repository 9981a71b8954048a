"""Hypothesis strategies for rules, plans, decisions and events; `RECORDS` names every record."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from securefed.domain import decision as made
from securefed.domain import event as happened
from securefed.domain import rules as every
from securefed.domain.allowance import Allowance
from securefed.domain.checkpoint import Checkpoint, NoteSignature
from securefed.domain.findings import Finding, Level, Objection, Verdict
from securefed.domain.identifiers import (
    AccountId,
    DatasetId,
    SiteId,
    StudyId,
)
from securefed.domain.ledger import Head
from securefed.domain.plan import BudgetEffect, Change, ReviewPlan
from securefed.domain.policy import Policy
from securefed.domain.privacy import (
    DiscreteGaussianRelease,
    DiscreteLaplaceRelease,
    DpSgd,
    GaussianRelease,
    LaplaceRelease,
    PrivacyLoss,
)
from securefed.domain.protection import Check, CheckResult, Proof, SignedProof
from securefed.domain.records import Record
from securefed.domain.request import CodeRequest, RequestState, SignedRequest
from securefed.domain.round import RoundId
from securefed.domain.rules import AnyRule
from securefed.domain.site import (
    Account,
    DataCard,
    Machine,
    Sandbox,
    Site,
)
from securefed.domain.study import (
    ReleaseKind,
    Study,
    Suite,
)
from securefed.domain.weighting import CappedUnits, EqualWeights
from tests.domain import combined
from tests.domain.strategies import (
    HEX,
    accounts,
    allowances,
    below_one,
    cards,
    code_requests,
    counts,
    decimals,
    digests,
    discrete_gaussians,
    discrete_laplaces,
    gaussians,
    keys,
    laplaces,
    lines,
    losses,
    machines,
    moments,
    names,
    positives,
    privacy_losses,
    request_ids,
    signatures,
    signed_requests,
    sites,
    slugs,
    some_of,
    studies,
    trainings,
)

# --- rules ---------------------------------------------------------------------------------------

days = st.integers(1, 36_500)
reviewers = st.integers(2, 20)
RULES: dict[type[AnyRule], SearchStrategy[AnyRule]] = {
    every.EpsilonPerRequest: st.builds(
        lambda limit: every.EpsilonPerRequest(refuse_above=limit, ask_above=limit), positives
    ),
    every.EpsilonPerDataset: st.builds(every.EpsilonPerDataset, refuse_above=positives),
    every.EpsilonPerRequester: st.builds(every.EpsilonPerRequester, refuse_above=positives),
    every.DeltaBelowUnits: st.builds(every.DeltaBelowUnits, share=below_one),
    every.MinimumNoise: st.builds(every.MinimumNoise, noise_multiplier=positives),
    every.PoissonSampling: st.builds(every.PoissonSampling),
    every.MinimumRecords: st.builds(every.MinimumRecords, units=counts),
    every.UnitProtected: st.builds(every.UnitProtected, column_required=st.booleans()),
    every.Purpose: st.builds(every.Purpose),
    every.MinimumSites: st.builds(every.MinimumSites, sites=counts),
    every.RecipeAllowed: st.builds(
        every.RecipeAllowed, recipes=st.lists(names, min_size=1, max_size=3).map(tuple)
    ),
    every.OwnCode: st.builds(every.OwnCode, allowed=st.booleans(), reviewers=reviewers),
    every.ModelSize: st.builds(every.ModelSize, parameters=counts),
    every.ReleaseTypes: st.builds(every.ReleaseTypes, allowed=some_of(ReleaseKind, least=0)),
    every.RoundCount: st.builds(every.RoundCount, attempts=counts),
    every.RequestLifetime: st.builds(every.RequestLifetime, days=days),
    every.FirstModelFamily: st.builds(every.FirstModelFamily),
    every.MetricsSummed: st.builds(every.MetricsSummed, otherwise=st.sampled_from(Objection)),
    every.SealingRequired: st.builds(
        every.SealingRequired, suites=st.just((Suite.BFV_MASK, Suite.MASK))
    ),
    every.SandboxRequired: st.builds(every.SandboxRequired, sandboxes=some_of(Sandbox)),
    every.TwoReviewers: st.builds(every.TwoReviewers, above_epsilon=positives, reviewers=reviewers),
}
policies = st.builds(
    Policy,
    name=names,
    rules=st.lists(st.one_of(*RULES.values()), max_size=6, unique_by=lambda one: one.kind).map(
        tuple
    ),
)


# --- plans, decisions, events --------------------------------------------------------------------

heads = st.builds(Head, size=counts, hash=digests)
findings = st.builds(
    Finding,
    rule=names,
    level=st.sampled_from(Level),
    reason=lines.map(str),
    reviewers=st.integers(1, 20),
)
changes = st.builds(Change, what=lines.map(str), before=lines.map(str), after=lines.map(str))
effects = st.builds(
    BudgetEffect,
    allowance=allowances(),
    cap=positives,
    spent=positives,
    reserved=positives,
    reserves=losses,
    leaves=decimals("-1000", "1000"),
)
plans = st.builds(
    ReviewPlan,
    format_version=st.just(1),
    site=slugs(SiteId),
    request_digest=digests,
    request=code_requests(),
    card=cards(),
    machine=machines,
    loss=privacy_losses,
    dataset_loss=privacy_losses,
    requester_loss=privacy_losses,
    budget=effects,
    policy=names,
    policy_digest=digests,
    findings=st.lists(findings, max_size=3).map(tuple),
    verdict=st.sampled_from(Verdict),
    reviewers=st.integers(1, 20),
    earlier=st.one_of(st.none(), request_ids),
    changes=st.lists(changes, max_size=2).map(tuple),
    basis=heads,
)


def _decided(
    kind: Callable[..., made.Decision], **fields: SearchStrategy[object]
) -> SearchStrategy[made.Decision]:
    return st.builds(
        kind, site=slugs(SiteId), by=slugs(AccountId), at=moments, reason=lines, **fields
    )


DECISIONS: dict[type[made.Decision], SearchStrategy[made.Decision]] = {
    made.Approval: _decided(made.Approval, request=request_ids, plan_digest=digests, plan=plans),
    made.Denial: _decided(made.Denial, request=request_ids),
    made.Revocation: _decided(made.Revocation, request=request_ids),
    made.AllowanceGrant: _decided(made.AllowanceGrant, allowance=allowances()),
    made.PolicyAdoption: _decided(made.PolicyAdoption, policy=policies),
    made.AccountAdmission: _decided(made.AccountAdmission, account=accounts),
    made.AccountSuspension: _decided(made.AccountSuspension, account=slugs(AccountId)),
    made.DataRegistration: _decided(made.DataRegistration, card=cards()),
    made.DataErasure: _decided(made.DataErasure, dataset=slugs(DatasetId), version=counts),
    made.SitePause: _decided(made.SitePause),
    made.SiteResumption: _decided(made.SiteResumption),
}
signed_decisions = st.builds(
    made.SignedDecision, decision=st.one_of(*DECISIONS.values()), signature=signatures
)
round_ids = st.builds(RoundId, request=request_ids, round=counts, attempt=counts)
results = st.tuples(
    *(st.builds(CheckResult, check=st.just(one), passed=st.booleans()) for one in Check)
)
proofs = st.builds(
    Proof,
    study=slugs(StudyId),
    round=counts,
    attempt=counts,
    seal=digests,
    canary=digests,
    coordinator=keys,
    results=results,
)
signed_proofs = st.builds(SignedProof, proof=proofs, signature=signatures)
EVENTS: dict[type[happened.Event], SearchStrategy[happened.Event]] = {
    happened.SiteFounded: st.builds(happened.SiteFounded, site=sites, owner=accounts),
    happened.Decided: st.builds(happened.Decided, decided=signed_decisions),
    happened.RequestFiled: st.builds(happened.RequestFiled, filed=signed_requests),
    happened.RequestClosed: st.builds(
        happened.RequestClosed, request=request_ids, state=st.sampled_from(RequestState)
    ),
    happened.RoundReserved: st.builds(happened.RoundReserved, id=round_ids, token=digests),
    happened.StepsAuthorised: st.builds(happened.StepsAuthorised, id=round_ids, up_to=counts),
    happened.RoundCommitted: st.builds(
        happened.RoundCommitted,
        id=round_ids,
        steps_run=counts,
        released=st.lists(digests, max_size=2).map(tuple),
    ),
    happened.RoundAborted: st.builds(happened.RoundAborted, id=round_ids, cause=names),
    happened.RoundRefunded: st.builds(happened.RoundRefunded, id=round_ids, cause=names),
    happened.ProtectionTested: st.builds(
        happened.ProtectionTested, id=round_ids, tested=signed_proofs
    ),
    happened.CallsRefused: st.builds(
        happened.CallsRefused,
        since=moments,
        refused=st.lists(
            st.builds(happened.RefusedCalls, reason=names, count=counts),
            min_size=1,
            max_size=3,
            unique_by=lambda one: one.reason,
        ).map(lambda found: tuple(sorted(found, key=lambda one: one.reason))),
    ),
}
entries = st.builds(
    happened.LedgerEntry,
    format_version=st.just(1),
    site=slugs(SiteId),
    index=counts,
    previous=digests,
    at=moments,
    event=st.one_of(*EVENTS.values()),
)

RECORDS: dict[type[Record], SearchStrategy[Record]] = {
    **RULES,
    **DECISIONS,
    **EVENTS,
    DpSgd: trainings,
    GaussianRelease: gaussians,
    LaplaceRelease: laplaces,
    DiscreteGaussianRelease: discrete_gaussians,
    DiscreteLaplaceRelease: discrete_laplaces,
    PrivacyLoss: privacy_losses,
    Study: studies,
    **combined.RULES,
    **combined.COURSES,
    EqualWeights: st.builds(EqualWeights),
    CappedUnits: st.builds(CappedUnits, cap=counts),
    CodeRequest: code_requests(),
    SignedRequest: signed_requests,
    Site: sites,
    Account: accounts,
    DataCard: cards(),
    Machine: machines,
    Allowance: allowances(),
    Policy: policies,
    ReviewPlan: plans,
    made.SignedDecision: signed_decisions,
    happened.LedgerEntry: entries,
}

note_signatures = st.builds(
    NoteSignature,
    name=slugs(str).map(lambda name: "securefed.cosigner/" + name),
    key_hint=st.text(alphabet=HEX, min_size=8, max_size=8),
    signature=signatures,
)
checkpoints = st.builds(
    Checkpoint,
    site=slugs(SiteId),
    head=heads,
    signatures=st.lists(note_signatures, max_size=3).map(tuple),
)
