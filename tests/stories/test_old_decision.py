"""Whoever runs the site's process has kept copies of what the owner signed, and uses them again."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from securefed.domain.event import Decided
from securefed.domain.identifiers import Name
from securefed.domain.policy import Policy
from securefed.errors import (
    AlreadyExists,
    NotAllowedHere,
    SignatureInvalid,
    TransitionInvalid,
)
from securefed.steps.prepare_site import adopt_policy, suspend_account
from tests.forge import decided
from tests.world import ADMISSIONS, OWNER, REVIEWER, World


def test_a_larger_allowance_that_was_taken_back_does_not_come_back() -> None:
    world = World(epsilon=Decimal(8))
    site = world.site()
    generous = site.ledger.history(1)[0].event
    world.wait(days=1)
    world.epsilon = Decimal(2)
    world.grant(site)
    with pytest.raises(TransitionInvalid, match="newer decision of kind allowance-grant"):
        site.ledger.record(generous)
    assert site.register().book(ADMISSIONS).granted().epsilon == 2


def test_a_milder_policy_that_was_replaced_does_not_come_back() -> None:
    world = World()
    site = world.site()
    mild = next(
        entry.event
        for entry in site.ledger.history(100)
        if isinstance(entry.event, Decided)
        and entry.event.decided.decision.kind == "policy-adoption"
    )
    world.wait(seconds=1)
    strict = Policy(name=Name("strict"), rules=())
    adopt_policy(site.ledger, strict, world.acting())
    with pytest.raises(TransitionInvalid, match="newer decision of kind policy-adoption"):
        site.ledger.record(mild)
    assert site.register().policy == strict


def test_admissions_cards_and_suspensions_do_not_happen_twice() -> None:
    world = World()
    site = world.site()
    suspend_account(site.ledger, REVIEWER, world.acting())
    repeatable = {"allowance-grant", "policy-adoption"}
    for entry in site.ledger.history(100):
        if not isinstance(entry.event, Decided):
            continue
        if entry.event.decided.decision.kind in repeatable:
            continue
        with pytest.raises((AlreadyExists, NotAllowedHere)):
            site.ledger.record(entry.event)


def test_a_decision_is_not_dated_ahead_so_that_it_stays_the_newest() -> None:
    world = World()
    site = world.site()
    event = site.ledger.history(1)[0].event
    assert isinstance(event, Decided)
    future = replace(event.decided.decision, at=site.ledger.now() + timedelta(seconds=1))
    with pytest.raises(SignatureInvalid, match="dated after"):
        site.ledger.record(decided(world, OWNER, future))
