"""The review plan: its digest covers every leaf, and its changes are what a second review sees."""

from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.domain.canonical import Plain
from securefed.domain.findings import Verdict
from securefed.domain.identifiers import Line, RequestId
from securefed.domain.plan import Change, ReviewPlan, changes_between, leaves
from securefed.domain.privacy import Sampling
from securefed.domain.records import from_bytes, to_bytes, to_plain
from securefed.domain.request import CodeRequest
from securefed.domain.site import Column, ColumnType, Sandbox
from securefed.parties.site import SiteParty
from securefed.steps.prepare_site import register_data
from tests.domain.leaves import BOUND, VOTELESS, full_plan, varied
from tests.world import ADMISSIONS, REVIEWER, World, digest

FULL = full_plan()
VARIED = {path: plan for path, _, plan in varied(FULL)}


def test_the_plan_of_these_tests_leaves_nothing_out() -> None:
    found = dict(leaves(to_plain(FULL)))
    assert not [path for path, leaf in found.items() if leaf in (None, [], {}) and path != VOTELESS]
    assert set(VARIED) == set(found) - BOUND - {VOTELESS}


@pytest.mark.parametrize("path", VARIED)
def test_the_digest_changes_with_each_leaf_and_the_change_is_named(path: str) -> None:
    changed = VARIED[path]
    assert changed.digest != FULL.digest
    assert [one.what for one in changes_between(to_plain(FULL), to_plain(changed))] == [path]


def test_a_plan_that_is_drawn_up_again_is_the_same() -> None:
    world = World()
    site = world.site()
    request = world.file(site)
    assert site.plan(request) == site.plan(request)
    assert from_bytes(ReviewPlan, to_bytes(site.plan(request))).digest == site.plan(request).digest


def test_the_budget_of_a_plan_adds_up() -> None:
    effect = FULL.budget
    assert effect.cap == effect.allowance.cap
    assert effect.leaves == effect.cap - effect.spent - effect.reserved - effect.reserves > 0
    assert effect.reserved > 0
    assert effect.spent == 0


def test_a_request_without_accounting_leaves_nothing() -> None:
    world = World(sampling=Sampling.SHUFFLE)
    site = world.site()
    plan = site.plan(world.file(site))
    assert plan.budget.reserves.is_infinite()
    assert plan.budget.leaves == 0
    assert plan.verdict is Verdict.REFUSE


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a", "1", "2")]),
        ({"a": None}, {"a": "x"}, [("a", "nothing", "x")]),
        ({"z": 1}, {"a": {"b": [1]}, "z": 1}, [("a.b[0]", "nothing", "1")]),
        ({"a": [1, 2]}, {"a": [1]}, [("a[1]", "2", "nothing")]),
        ({"a": []}, {"a": ["x"]}, [("a", "[]", "nothing"), ("a[0]", "nothing", "x")]),
    ],
)
def test_changes_are_the_leaves_that_differ(
    before: Plain, after: Plain, changes: list[tuple[str, str, str]]
) -> None:
    expected = tuple(Change(what=what, before=old, after=new) for what, old, new in changes)
    assert changes_between(before, after) == expected


# --- the second review of a study -----------------------------------------------------------------


def reviewed_again(world: World, site: SiteParty) -> ReviewPlan:
    return site.plan(world.file(site))


def test_a_first_plan_has_nothing_to_compare_with() -> None:
    world = World()
    site = world.site()
    plan = reviewed_again(world, site)
    assert plan.earlier is None
    assert plan.changes == ()


def test_filing_the_same_study_again_changes_nothing_that_matters() -> None:
    world = World()
    site = world.site()
    first = world.approved(site)
    world.wait(hours=1)
    plan = reviewed_again(world, site)
    assert plan.earlier == first != plan.request.request
    assert plan.changes == ()


def test_what_other_sites_do_is_no_change_here() -> None:
    world = World()
    site = world.site()
    world.approved(site)
    world.sites = ("hospital-a", "hospital-b")
    assert reviewed_again(world, site).changes == ()


def test_less_noise_and_a_new_column_are_named() -> None:
    world = World()
    site = world.site()
    world.approved(site)
    world.noise = Decimal("0.6")
    card = world.card(version=2)
    ward = Column(name=Line("ward"), type=ColumnType.CATEGORY, meaning=Line("Ward"))
    register_data(site.ledger, replace(card, columns=(*card.columns, ward)), world.acting())
    changes = {
        str(one.what): (one.before, one.after) for one in reviewed_again(world, site).changes
    }
    assert changes["study.participants.training.noise_multiplier"] == ("1.1", "0.6")
    assert changes["card.columns[2].name"] == ("nothing", "ward")
    assert changes["card.version"] == ("1", "2")
    assert not any(name.startswith("machine") for name in changes)


def test_another_machine_is_named() -> None:
    world = World()
    site = world.site()
    world.approved(site)
    world.wait(hours=1)
    world.machine.sandbox = Sandbox.PROCESS
    world.machine.libraries_digest = digest("newer libraries")
    names = [one.what for one in reviewed_again(world, site).changes]
    assert names == ["machine.libraries_digest", "machine.sandbox"]


def test_the_comparison_is_with_the_newest_approved_plan_of_the_same_study() -> None:
    world = World()
    site = world.site()
    first = world.approved(site)
    world.study = "another-study"
    world.approved(site)
    world.study = "readmission"
    world.steps = 8
    denied = world.file(site)
    site.deny(denied, world.acting(REVIEWER))
    world.steps = 4
    assert reviewed_again(world, site).earlier == first


def test_a_plan_before_filing_shows_the_same_as_the_plan_after() -> None:
    world = World()
    site = world.site()
    asked: CodeRequest = world.request().request
    tried = site.try_plan(asked)
    filed: RequestId = world.file(site)
    plan = site.plan(filed)
    assert replace(tried, basis=plan.basis) == plan
    assert site.register().book(ADMISSIONS).counted == 0
