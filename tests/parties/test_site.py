"""The site at work: what has ended is closed before anything is shown, and plans are kept."""

import pytest

from securefed.domain.request import RequestState
from securefed.errors import ApprovalWithdrawn
from tests.world import ADMISSIONS, REVIEWER, SECOND_REVIEWER, World, digest


def test_a_request_goes_from_filing_to_approval() -> None:
    world = World()
    site = world.site()
    request = site.receive(world.request())
    plan = site.plan(request)
    assert site.shelf.find(plan.digest) == plan
    site.approve(request, plan.digest, world.acting(REVIEWER))
    assert site.register().request(request).state is RequestState.APPROVED


def test_a_plan_that_is_only_tried_is_not_kept_and_files_nothing() -> None:
    world = World()
    site = world.site()
    plan = site.try_plan(world.request().request)
    assert site.shelf.find(plan.digest) is None
    assert site.register().requests == {}


def test_an_expired_reservation_is_free_before_the_next_plan_is_drawn_up() -> None:
    world = World()
    site = world.site()
    first = world.approved(site)
    world.wait(days=8)
    second = world.file(site)
    plan = site.plan(second)
    assert site.register().request(first).state is RequestState.EXPIRED
    assert plan.budget.reserved == plan.budget.spent == 0
    site.approve(second, plan.digest, world.acting(REVIEWER))


def test_a_request_that_expires_while_its_reviewers_think_is_not_approved() -> None:
    world = World(own_code=digest("code"))
    site = world.site()
    request = world.file(site)
    plan = site.plan(request)
    site.approve(request, plan.digest, world.acting(REVIEWER))
    world.wait(days=7)
    assert site.register().request(request).state is RequestState.EXPIRED
    assert site.register().book(ADMISSIONS).counted == 0
    for shown in (plan, site.plan(request)):
        with pytest.raises(ApprovalWithdrawn, match="is expired"):
            site.approve(request, shown.digest, world.acting(SECOND_REVIEWER))


def test_a_pending_request_is_denied_with_a_reason() -> None:
    world = World()
    site = world.site()
    request = world.file(site)
    site.deny(request, world.acting(REVIEWER, "Ask for less"))
    assert site.register().request(request).reason == "Ask for less"


def test_an_approved_request_is_revoked() -> None:
    world = World()
    site = world.site()
    request = world.approved(site)
    site.revoke(request, world.acting(REVIEWER))
    assert site.register().request(request).state is RequestState.REVOKED


def test_a_checkpoint_is_of_the_newest_entry_and_signed() -> None:
    world = World()
    site = world.site()
    checkpoint = site.checkpoint()
    assert checkpoint.head == site.register().head
    assert checkpoint.vouched_by_site(world.keys.signer("hospital-a").key, world.keys.verify)
