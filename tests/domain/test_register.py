"""What a site's state can be asked."""

import pytest

from securefed.domain.identifiers import AccountId, DatasetId, Name, RequestId
from securefed.domain.register import Register
from securefed.domain.round import RoundId
from securefed.errors import LedgerBroken, NotAllowedHere, NotFound
from securefed.steps.meter_round import authorise_steps, commit_round, reserve_round
from tests.world import OWNER, REVIEWER, SECOND_REVIEWER, World, digest


def test_a_new_site_refuses_everything_until_it_has_a_policy() -> None:
    register = World().founded().register()
    assert register.policy.rules == ()
    assert register.policy.name == "none"
    assert register.owners() == [OWNER]


def test_what_is_unknown_is_not_found() -> None:
    register = World().site().register()
    with pytest.raises(NotFound, match="no dataset labs at hospital-a"):
        register.card(DatasetId("labs"))
    with pytest.raises(NotFound):
        register.book(DatasetId("labs"))
    with pytest.raises(NotFound, match="no request cr-000000000000"):
        register.request(RequestId("cr-" + "0" * 12))
    with pytest.raises(NotAllowedHere, match="no account eve"):
        register.account(AccountId("eve"))
    with pytest.raises(LedgerBroken):
        _ = Register(World().keys.verify).site


def test_a_plan_rests_on_what_matters_to_it() -> None:
    world = World(own_code=digest("code"), rounds=2)
    site = world.site()
    busy = world.approved(site)
    world.study = "another-study"
    request = world.file(site)
    basis = site.register().basis(request)
    id = RoundId(request=busy, round=1, attempt=1)
    token = reserve_round(site.ledger, id, world.entropy)
    authorise_steps(site.ledger, token, 16)
    commit_round(site.ledger, token, 16, ())
    site.approve(request, site.plan(request).digest, world.acting(REVIEWER))
    assert site.register().basis(request) == basis
    # Filed, reserved, authorised, committed, approved once: none of it changes the plan.
    assert site.register().head.size == basis.size + 5
    other = site.register().basis(busy)
    assert other == site.register().head


def test_model_families_are_known_once_approved() -> None:
    world = World(family="tree")
    site = world.site()
    world.file(site)
    assert site.register().known_families() == ()
    world.wait(minutes=1)
    world.approved(site)
    assert site.register().known_families() == (Name("tree"),)


def test_the_second_approval_of_a_plan_is_not_of_an_older_one() -> None:
    """An approval counts for the plan that was read, so a new plan starts at zero."""
    world = World(own_code=digest("code"))
    site = world.site()
    request = world.file(site)
    site.approve(request, site.plan(request).digest, world.acting(REVIEWER))
    world.machine.libraries_digest = digest("newer libraries")
    site.approve(request, site.plan(request).digest, world.acting(SECOND_REVIEWER))
    assert [one.by for one in site.register().request(request).approvals] == [SECOND_REVIEWER]
    plan = site.plan(request)
    site.approve(request, plan.digest, world.acting(REVIEWER))
    assert site.register().request(request).approved_plan == plan
