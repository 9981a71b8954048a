"""One reviewer wants to decide alone what needs two, or to approve what the policy refuses.

The reviewer may hold the site's own process: they write entries past the steps, with plans of their
own making. The ledger judges every approval again, so such an entry does not fit, now or on replay.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.domain.decision import Approval
from securefed.domain.findings import Verdict
from securefed.domain.identifiers import Line, RequestId, SiteId
from securefed.domain.plan import ReviewPlan
from securefed.domain.request import RequestState
from securefed.domain.round import RoundId
from securefed.errors import (
    AlreadyExists,
    ApprovalMissing,
    LedgerBroken,
    PlanStale,
    RefusedByPolicy,
    SecurefedError,
)
from securefed.parties.site import SiteParty
from securefed.steps.meter_round import reserve_round
from securefed.steps.prepare_site import suspend_account
from tests.forge import decided, next_entry, opened, signed, stored_entries
from tests.world import ADMISSIONS, REVIEWER, SECOND_REVIEWER, World, digest


def approval(site: SiteParty, request: RequestId, plan: ReviewPlan) -> Approval:
    return Approval(
        site=SiteId("hospital-a"),
        by=REVIEWER,
        at=site.ledger.now(),
        reason=Line("Trust me"),
        request=request,
        plan_digest=plan.digest,
        plan=plan,
    )


def test_with_the_second_reviewer_missing_nothing_runs_and_nothing_is_reserved() -> None:
    world = World(own_code=digest("code"))
    site = world.site()
    request = world.file(site)
    plan = site.plan(request)
    site.approve(request, plan.digest, world.acting(REVIEWER))
    with pytest.raises(AlreadyExists, match="ravi has approved this plan already"):
        site.approve(request, plan.digest, world.acting(REVIEWER))
    with pytest.raises(ApprovalMissing):
        reserve_round(site.ledger, RoundId(request=request, round=1, attempt=1), world.entropy)
    assert site.register().book(ADMISSIONS).counted == 0
    assert site.register().request(request).state is RequestState.PENDING


def test_the_word_of_a_reviewer_who_was_suspended_meanwhile_does_not_count() -> None:
    world = World(own_code=digest("code"))
    site = world.site()
    request = world.file(site)
    site.approve(request, site.plan(request).digest, world.acting(REVIEWER))
    suspend_account(site.ledger, REVIEWER, world.acting())
    site.approve(request, site.plan(request).digest, world.acting(SECOND_REVIEWER))
    assert site.register().request(request).state is RequestState.PENDING


def test_a_refused_plan_is_not_approved_by_anybody() -> None:
    world = World(noise=Decimal("0.49"), rounds=1, steps=1)
    site = world.site()
    request = world.file(site)
    plan = site.plan(request)
    assert plan.verdict is Verdict.REFUSE
    for account in (REVIEWER, SECOND_REVIEWER, world.acting().account):
        with pytest.raises(RefusedByPolicy, match=r"noise 0\.49, below 0\.5"):
            site.approve(request, plan.digest, world.acting(account))
    with pytest.raises(RefusedByPolicy):
        site.ledger.record(decided(world, REVIEWER, approval(site, request, plan)))


def fewer_reviewers(plan: ReviewPlan) -> ReviewPlan:
    return replace(plan, reviewers=1)


def no_findings(plan: ReviewPlan) -> ReviewPlan:
    return replace(plan, findings=(), verdict=Verdict.ALLOW, reviewers=1)


def another_policy(plan: ReviewPlan) -> ReviewPlan:
    return replace(no_findings(plan), policy_digest=digest("my own policy"))


def another_policys_digest(plan: ReviewPlan) -> ReviewPlan:
    return replace(plan, policy_digest=digest("a policy that nobody adopted"))


def another_card(plan: ReviewPlan) -> ReviewPlan:
    return replace(plan, card=replace(plan.card, data=digest("other data")))


def another_delta(plan: ReviewPlan) -> ReviewPlan:
    return replace(plan, loss=replace(plan.loss, delta=Decimal("1e-9")))


FORGERIES = [
    fewer_reviewers,
    no_findings,
    another_policy,
    another_policys_digest,
    another_card,
    another_delta,
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_plan_is_refused_by_the_ledger(
    forge: Callable[[ReviewPlan], ReviewPlan],
) -> None:
    world = World(own_code=digest("code"))
    site = world.site()
    request = world.file(site)
    forged = approval(site, request, forge(site.plan(request)))
    with pytest.raises(PlanStale):
        site.ledger.record(decided(world, REVIEWER, forged))
    assert site.register().request(request).state is RequestState.PENDING


def test_a_refusal_dressed_up_as_permission_is_refused_by_the_ledger() -> None:
    world = World(noise=Decimal("0.49"), rounds=1, steps=1)
    site = world.site()
    request = world.file(site)
    for forge in (no_findings, fewer_reviewers):
        forged = approval(site, request, forge(site.plan(request)))
        with pytest.raises(SecurefedError) as caught:
            site.ledger.record(decided(world, REVIEWER, forged))
        assert isinstance(caught.value, PlanStale | RefusedByPolicy)


def test_a_forged_approval_in_the_file_breaks_the_ledger() -> None:
    world = World(own_code=digest("code"))
    site = world.site()
    request = world.file(site)
    event = decided(world, REVIEWER, approval(site, request, no_findings(site.plan(request))))
    forged = signed(world, next_entry(site, event))
    broken = opened(world, [*stored_entries(world), forged])
    with pytest.raises(LedgerBroken, match=r"verdict is not the policy's \(entry 9\)"):
        broken.ledger.register()
