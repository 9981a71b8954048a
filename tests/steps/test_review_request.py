"""Drawing up a plan: the site's own view of the cost, the data, the machine and the history."""

from decimal import Decimal

import pytest

from securefed.domain.renyi import best_epsilon
from securefed.domain.site import Sandbox
from securefed.errors import AllowanceExpired, AllowanceMissing, NotFound
from securefed.steps.prepare_site import register_data
from tests.world import ADMISSIONS, OTHER_SCIENTIST, SCIENTIST, World


def test_losses_are_of_the_request_the_dataset_and_the_requester() -> None:
    world = World()
    site = world.site()
    world.approved(site, OTHER_SCIENTIST)
    one = world.approved(site, SCIENTIST)
    world.study = "second-study"
    plan = site.plan(world.file(site, SCIENTIST))
    whole = site.register().request(one).signed.request.whole
    assert plan.loss.epsilon == best_epsilon(whole, world.delta)
    assert plan.requester_loss.epsilon == best_epsilon(whole * 2, world.delta)
    assert plan.dataset_loss.epsilon == best_epsilon(whole * 3, world.delta)
    assert {plan.loss.delta, plan.dataset_loss.delta, plan.requester_loss.delta} == {world.delta}


def test_a_plan_shows_the_machine_card_policy_and_head_of_now() -> None:
    world = World(sandbox=Sandbox.PROCESS)
    site = world.site()
    register_data(site.ledger, world.card(version=2), world.acting())
    plan = site.plan(world.file(site))
    register = site.register()
    assert plan.machine.sandbox is Sandbox.PROCESS
    assert plan.card.version == 2
    assert (plan.policy, plan.policy_digest) == ("test", register.policy.digest)
    assert plan.basis == register.basis(plan.request.request)


def test_an_approved_request_is_not_counted_twice_in_the_losses() -> None:
    world = World()
    site = world.site()
    request = world.approved(site)
    plan = site.plan(request)
    assert plan.dataset_loss == plan.requester_loss == plan.loss


def test_without_an_allowance_there_is_no_plan() -> None:
    world = World()
    site = world.founded()
    with pytest.raises(NotFound):
        site.try_plan(world.request().request)
    register_data(site.ledger, world.card(), world.acting())
    with pytest.raises(AllowanceMissing):
        site.try_plan(world.request().request)
    world.grant(site, valid_days=1)
    assert site.try_plan(world.request().request).budget.cap > 0
    world.wait(days=1)
    with pytest.raises(AllowanceExpired):
        site.try_plan(world.request().request)


def test_a_smaller_study_fits_where_a_larger_one_does_not() -> None:
    world = World(rounds=500)
    site = world.site()
    asked = world.request().request
    effect = site.try_plan(asked).budget
    assert effect.leaves < 0
    book = site.register().book(ADMISSIONS)
    assert book.left_for(asked.requester) - book.need(asked) == effect.leaves
    world.rounds = 5
    assert site.try_plan(world.request().request).budget.leaves > Decimal(1)
