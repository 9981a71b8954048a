"""Setting up a site: every step leaves a signed entry, and the allowance keeps its order."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from securefed.domain.event import Decided, SiteFounded
from securefed.domain.identifiers import DatasetId, Name
from securefed.domain.policy import Policy
from securefed.domain.site import Role
from securefed.errors import (
    AllowanceExpired,
    AllowanceInvalid,
    LedgerBroken,
    NotFound,
    NumberInvalid,
)
from securefed.steps.prepare_site import (
    AllowanceAsked,
    adopt_policy,
    grant_allowance,
    register_data,
    suspend_account,
)
from tests.world import ADMISSIONS, OWNER, REVIEWER, START, World

ASKED = AllowanceAsked(dataset=ADMISSIONS, epsilon=Decimal(3), delta=Decimal("1e-6"))


def test_a_site_is_founded_by_its_owner_and_everything_else_is_decided() -> None:
    world = World()
    site = world.site()
    first, *rest = site.ledger.history(100)
    assert isinstance(first.event, SiteFounded)
    assert first.event.owner.account == OWNER
    for entry in rest:
        assert isinstance(entry.event, Decided)
        decision = entry.event.decided.decision
        assert (decision.by, decision.site, decision.at) == (OWNER, "hospital-a", START)


def test_a_site_is_founded_once() -> None:
    world = World()
    site = world.founded()
    with pytest.raises(LedgerBroken, match="has only one"):
        site.found(site.register().site, world.account(OWNER, Role.OWNER))


def test_a_policy_is_in_force_until_the_next() -> None:
    world = World()
    site = world.site()
    empty = Policy(name=Name("empty"), rules=())
    adopt_policy(site.ledger, empty, world.acting())
    assert site.register().policy == empty


def test_a_person_is_suspended() -> None:
    world = World()
    site = world.site()
    suspend_account(site.ledger, REVIEWER, world.acting())
    assert site.register().suspended == {REVIEWER}


def test_a_new_version_of_a_card_keeps_the_budget() -> None:
    world = World()
    site = world.site()
    world.approved(site)
    counted = site.register().book(ADMISSIONS).counted
    register_data(site.ledger, world.card(version=2), world.acting())
    assert site.register().card(ADMISSIONS).version == 2
    assert site.register().book(ADMISSIONS).counted == counted > 0


def test_an_allowance_ends_after_its_days() -> None:
    world = World()
    site = world.site()
    grant_allowance(site.ledger, replace(ASKED, valid_days=1), world.acting())
    book = site.register().book(ADMISSIONS)
    assert book.granted().expires_at == START + timedelta(days=1)
    with pytest.raises(AllowanceExpired):
        book.granted(START + timedelta(days=1))


@pytest.mark.parametrize("days", [0, -1, 36_501, 10**12])
def test_an_allowance_lasts_for_a_number_of_days_that_a_calendar_has(days: int) -> None:
    world = World()
    site = world.site()
    with pytest.raises(NumberInvalid, match="days is"):
        grant_allowance(site.ledger, replace(ASKED, valid_days=days), world.acting())


def test_a_new_figure_keeps_the_order_once_something_is_reserved() -> None:
    world = World()
    site = world.site()
    grant_allowance(site.ledger, replace(ASKED, epsilon=Decimal(8)), world.acting())
    assert site.register().book(ADMISSIONS).granted().order == 4
    grant_allowance(site.ledger, ASKED, world.acting())
    world.approved(site)
    grant_allowance(site.ledger, replace(ASKED, epsilon=Decimal(8)), world.acting())
    assert site.register().book(ADMISSIONS).granted().order == 7
    assert site.register().book(ADMISSIONS).granted().epsilon == 8


def test_an_allowance_needs_room_and_data() -> None:
    world = World()
    site = world.site()
    with pytest.raises(AllowanceInvalid):
        grant_allowance(site.ledger, replace(ASKED, epsilon=Decimal("0.01")), world.acting())
    with pytest.raises(NotFound):
        grant_allowance(site.ledger, replace(ASKED, dataset=DatasetId("labs")), world.acting())
