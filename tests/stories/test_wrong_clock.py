"""The machine's clock is wrong, by accident or so that what has ended seems to be in force."""

import pytest

from securefed.domain.request import RequestState
from securefed.domain.round import RoundId
from securefed.errors import AllowanceExpired, ApprovalExpired, ClockBehind
from securefed.steps.meter_round import authorise_steps, reserve_round
from tests.world import REVIEWER, World


def test_setting_the_clock_back_does_not_revive_an_expired_approval() -> None:
    world = World()
    site = world.site()
    request = world.approved(site)
    id = RoundId(request=request, round=1, attempt=1)
    world.wait(days=7)
    world.study = "newer"
    world.file(site)
    world.wait(days=-3)
    with pytest.raises(ClockBehind):
        reserve_round(site.ledger, id, world.entropy)
    with pytest.raises(ClockBehind):
        site.plan(request)
    with pytest.raises(ClockBehind):
        site.revoke(request, world.acting(REVIEWER))


def test_a_small_step_back_does_not_revive_it_either() -> None:
    world = World()
    site = world.site()
    request = world.approved(site)
    world.wait(days=7)
    world.study = "newer"
    world.file(site)
    world.wait(minutes=-4)
    with pytest.raises(ApprovalExpired):
        reserve_round(site.ledger, RoundId(request=request, round=1, attempt=1), world.entropy)


def test_setting_the_clock_back_does_not_revive_an_allowance() -> None:
    world = World(valid_days=30)
    site = world.site()
    world.grant(site, valid_days=1)
    request = world.file(site)
    world.wait(days=1)
    with pytest.raises(AllowanceExpired):
        site.plan(request)
    world.study = "newer"
    world.file(site)
    world.wait(minutes=-3)
    with pytest.raises(AllowanceExpired):
        site.plan(request)


def test_a_jump_forward_ends_what_ends_and_charges_what_ran() -> None:
    world = World()
    site = world.site()
    request = world.approved(site)
    id = RoundId(request=request, round=1, attempt=1)
    token = reserve_round(site.ledger, id, world.entropy)
    authorise_steps(site.ledger, token, 4)
    world.wait(days=3650)
    with pytest.raises(ApprovalExpired):
        authorise_steps(site.ledger, token, 5)
    filed = site.register().request(request)
    assert filed.state is RequestState.EXPIRED
    book = site.register().book(filed.signed.request.dataset)
    assert book.spent == book.counted > 0


def test_after_a_jump_forward_and_back_the_site_stands_still_rather_than_guess() -> None:
    world = World()
    site = world.site()
    world.wait(days=365)
    world.file(site)
    world.wait(days=-365)
    with pytest.raises(ClockBehind, match="the ledger 2027-11-21 09:00Z"):
        world.file(site)
    assert len(site.ledger.register().requests) == 1
