"""A reviewer reads a plan; before they approve it, something changes. Nothing is approved.

Whatever the plan shows is under its digest, so every change makes another plan. The error names
what changed, so that the reviewer knows what to look at again.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.domain import rules as every
from securefed.domain.decision import Approval
from securefed.domain.identifiers import Line, RequestId, SiteId, Version
from securefed.domain.plan import ReviewPlan
from securefed.domain.request import RequestState
from securefed.domain.round import RoundId
from securefed.domain.site import Sandbox
from securefed.errors import PlanStale, SecurefedError
from securefed.parties.site import SiteParty
from securefed.steps.meter_round import authorise_steps, reserve_round
from securefed.steps.prepare_site import adopt_policy, register_data
from tests.forge import decided
from tests.world import ADMISSIONS, OTHER_SCIENTIST, REVIEWER, World, digest


def another_request_is_approved(world: World, site: SiteParty) -> None:
    world.study = "another-study"
    world.approved(site, OTHER_SCIENTIST)


def the_policy_changes(world: World, site: SiteParty) -> None:
    world.rules = (*world.rules, every.FirstModelFamily())
    adopt_policy(site.ledger, world.policy(), world.acting())


def the_card_changes(world: World, site: SiteParty) -> None:
    card = replace(world.card(version=2), title=Line("Admissions, 2019 to 2025"))
    register_data(site.ledger, card, world.acting())


def the_allowance_is_raised(world: World, site: SiteParty) -> None:
    world.epsilon = Decimal(4)
    world.grant(site)


def the_sandbox_is_gone(world: World, _: SiteParty) -> None:
    world.machine.sandbox = Sandbox.PROCESS


def the_code_is_updated(world: World, _: SiteParty) -> None:
    world.machine.package = Version("9.9.9")
    world.machine.package_digest = digest("newer code")


CHANGES: list[tuple[Callable[[World, SiteParty], None], list[str]]] = [
    (another_request_is_approved, ["basis.hash: ", "budget.reserved: 0 → 0.0"]),
    (the_policy_changes, ["policy_digest: ", "verdict: allow → ask", "first-model-family"]),
    (the_card_changes, ["card.title: Admissions, 2020 to 2025 → Admissions, 2019", "card.data: "]),
    (the_allowance_is_raised, ["budget.allowance.epsilon: 3 → 4", "budget.cap: "]),
    (the_code_is_updated, ["machine.package: 0.1.0 → 9.9.9", "machine.package_digest: "]),
]


@pytest.mark.parametrize(("change", "named"), CHANGES, ids=lambda one: getattr(one, "__name__", ""))
def test_a_plan_that_is_no_longer_true_is_not_approved(
    change: Callable[[World, SiteParty], None], named: list[str]
) -> None:
    world = World()
    site = world.site()
    request = world.file(site)
    read = site.plan(request)
    world.wait(minutes=1)
    change(world, site)
    with pytest.raises(PlanStale) as caught:
        site.approve(request, read.digest, world.acting(REVIEWER))
    for what in named:
        assert what in str(caught.value)
    assert site.register().request(request).state is RequestState.PENDING
    assert not site.register().request(request).approvals


def test_a_sandbox_that_is_gone_is_noticed_even_where_the_policy_does_not_ask_for_one() -> None:
    world = World()
    world.rules = tuple(one for one in world.rules if not isinstance(one, every.SandboxRequired))
    site = world.site()
    request = world.file(site)
    read = site.plan(request)
    the_sandbox_is_gone(world, site)
    with pytest.raises(PlanStale, match=r"machine\.sandbox: bubblewrap → process"):
        site.approve(request, read.digest, world.acting(REVIEWER))


def test_rounds_that_run_meanwhile_do_not_make_a_plan_stale() -> None:
    world = World()
    site = world.site()
    busy = world.approved(site)
    world.study = "another-study"
    request = world.file(site)
    read = site.plan(request)
    id = RoundId(request=busy, round=1, attempt=1)
    authorise_steps(site.ledger, reserve_round(site.ledger, id, world.entropy), 3)
    site.approve(request, read.digest, world.acting(REVIEWER))
    assert site.register().request(request).state is RequestState.APPROVED


def test_the_plan_of_another_site_is_not_approved_here() -> None:
    world = World()
    here, there = world.site(), world.site("hospital-b")
    ours, theirs = world.file(here), world.file(there)
    plan = there.plan(theirs)
    with pytest.raises(PlanStale, match=r"No plan with the digest .* was drawn up at this site"):
        here.approve(ours, plan.digest, world.acting(REVIEWER))
    for approval in (
        _approval(here, ours, plan),
        replace(_approval(here, ours, plan), request=theirs),
        _approval(here, ours, replace(plan, request=here.plan(ours).request)),
    ):
        with pytest.raises(
            SecurefedError, match=r"digest is not that|There is no request|moved on"
        ):
            here.ledger.record(decided(world, REVIEWER, approval))
    assert here.register().request(ours).state is RequestState.PENDING


def test_a_digest_that_does_not_fit_its_plan_is_refused_by_the_ledger_itself() -> None:
    world = World()
    site = world.site()
    request = world.file(site)
    approval = replace(_approval(site, request, site.plan(request)), plan_digest=digest("x"))
    with pytest.raises(PlanStale, match="not that of its plan"):
        site.ledger.record(decided(world, REVIEWER, approval))


def test_a_plan_from_before_the_ledger_moved_on_is_refused_by_the_ledger_itself() -> None:
    world = World()
    site = world.site()
    request = world.file(site)
    approval = _approval(site, request, site.plan(request))
    world.wait(minutes=1)
    the_allowance_is_raised(world, site)
    with pytest.raises(PlanStale, match="moved on"):
        site.ledger.record(decided(world, REVIEWER, approval))
    assert site.register().book(ADMISSIONS).counted == 0


def _approval(site: SiteParty, request: RequestId, plan: ReviewPlan) -> Approval:
    return Approval(
        site=SiteId("hospital-a"),
        by=REVIEWER,
        at=site.ledger.now(),
        reason=Line("Looks fine"),
        request=request,
        plan_digest=plan.digest,
        plan=plan,
    )
