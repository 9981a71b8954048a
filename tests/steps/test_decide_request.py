"""Deciding: exactly the plan that was read, or an error that says what has changed."""

from dataclasses import replace

import pytest

from securefed.domain.event import Decided
from securefed.domain.identifiers import RequestId
from securefed.domain.request import RequestState
from securefed.errors import NotFound, NotInThisState, PlanStale, RefusedByPolicy
from securefed.steps.sign_decision import record_decision
from tests.world import ADMISSIONS, OTHER_SCIENTIST, REVIEWER, SECOND_REVIEWER, World, digest


def test_an_approval_records_the_plan_and_reserves_what_it_says() -> None:
    world = World()
    site = world.site()
    request = world.file(site)
    plan = site.plan(request)
    entry = site.approve(request, plan.digest, world.acting(REVIEWER, "Fits our purpose"))
    assert isinstance(entry.event, Decided)
    assert entry.event.decided.decision.reason == "Fits our purpose"
    filed = site.register().request(request)
    assert (filed.state, filed.approved_plan) == (RequestState.APPROVED, plan)
    assert site.register().book(ADMISSIONS).reserved == plan.budget.reserves


def test_a_digest_that_was_never_shown_is_stale() -> None:
    world = World()
    site = world.site()
    request = world.file(site)
    with pytest.raises(PlanStale, match="No plan with the digest sha256:"):
        site.approve(request, digest("nothing"), world.acting(REVIEWER))


def test_a_digest_of_another_request_says_whose_it_is() -> None:
    world = World()
    site = world.site()
    one, two = world.file(site), world.file(site, OTHER_SCIENTIST)
    plan = site.plan(one)
    with pytest.raises(PlanStale, match=f"a plan for {one}"):
        site.approve(two, plan.digest, world.acting(REVIEWER))


def test_a_refusal_cannot_be_approved_and_says_why() -> None:
    world = World(purpose="marketing")
    site = world.site()
    request = world.file(site)
    with pytest.raises(RefusedByPolicy, match=r"test refuses cr-.*: The purpose marketing"):
        site.approve(request, site.plan(request).digest, world.acting(REVIEWER))


def test_a_request_that_was_not_filed_cannot_be_decided() -> None:
    world = World()
    site = world.site()
    missing, by = RequestId("cr-" + "0" * 12), world.acting(REVIEWER)
    for act in (site.deny, site.revoke):
        with pytest.raises(NotFound):
            act(missing, by)
    with pytest.raises(NotFound):
        site.approve(missing, digest("x"), by)


def test_revoking_gives_back_what_was_not_used() -> None:
    world = World()
    site = world.site()
    request = world.approved(site)
    assert site.register().book(ADMISSIONS).counted > 0
    site.revoke(request, world.acting(REVIEWER, "Ethics approval ended"))
    filed = site.register().request(request)
    assert (filed.state, filed.reason) == (RequestState.REVOKED, "Ethics approval ended")
    assert site.register().book(ADMISSIONS).counted == 0


def test_what_is_approved_is_not_approved_once_more() -> None:
    world = World()
    site = world.site()
    request = world.approved(site)
    plan = site.plan(request)
    with pytest.raises(NotInThisState, match="approved already"):
        site.approve(request, plan.digest, world.acting(SECOND_REVIEWER))
    # Two people at the same moment: the second entry meets an approved request.
    decision = site.register().request(request).approvals[0]
    late = replace(decision, by=SECOND_REVIEWER)
    with pytest.raises(NotInThisState, match="only a request that is pending"):
        record_decision(site.ledger, late, world.signer(SECOND_REVIEWER))
