"""Scientists want more of a dataset than there is: by odd numbers, together, or all at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.adapters.memory import MemoryLedger, MemoryWriter
from securefed.domain.allowance import Allowance, RequesterShare
from securefed.domain.decision import AllowanceGrant
from securefed.domain.event import LedgerEntry, RequestFiled
from securefed.domain.identifiers import Line, RequestId, SiteId
from securefed.domain.records import from_bytes, from_plain, to_plain
from securefed.domain.request import CodeRequest, RequestState
from securefed.errors import (
    AllowanceBelowSpent,
    BudgetInsufficient,
    NumberInvalid,
    PlanStale,
    RecordInvalid,
    SecurefedError,
)
from securefed.parties.site import SiteParty
from securefed.steps.prepare_site import AllowanceAsked, grant_allowance
from tests.forge import decided, next_entry, signed, stored_entries
from tests.world import (
    ADMISSIONS,
    OTHER_SCIENTIST,
    REVIEWER,
    SCIENTIST,
    SECOND_REVIEWER,
    World,
)

ODD = ["NaN", "sNaN", "Infinity", "-Infinity", "-1", "0", "-0", "1e999", "1e-999"]


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("field", ["epsilon", "delta"])
def test_no_odd_number_is_granted(field: str, value: str) -> None:
    world = World()
    site = world.site()
    asked = AllowanceAsked(dataset=ADMISSIONS, epsilon=Decimal(3), delta=Decimal("1e-6"))
    with pytest.raises(NumberInvalid):
        grant_allowance(site.ledger, replace(asked, **{field: Decimal(value)}), world.acting())
    assert site.register().book(ADMISSIONS).granted().epsilon == 3


@pytest.mark.parametrize("text", [*ODD, "1e-5", "1E5", "1.0", "+1", " 1", "0x1", "1_0", "١", ""])
def test_no_odd_number_is_read_from_stored_bytes(text: str) -> None:
    world = World()
    site = world.site()
    plain = to_plain(site.register().book(ADMISSIONS).granted())
    assert isinstance(plain, dict)
    with pytest.raises(SecurefedError):
        from_plain(Allowance, {**plain, "epsilon": text})
    entry = next_entry(site, RequestFiled(filed=world.request()))
    data = signed(world, entry).data.replace(b'"1.1"', f'"{text}"'.encode())
    with pytest.raises(SecurefedError):
        from_bytes(LedgerEntry, data)


def test_numbers_in_a_request_are_text_and_never_json_numbers() -> None:
    plain = to_plain(World().request().request)
    assert isinstance(plain, dict)
    study = plain["study"]
    assert isinstance(study, dict)
    sealing = study["sealing"]
    assert isinstance(sealing, dict)
    for value in (1, True, None, ["1"]):
        with pytest.raises(RecordInvalid, match="Expected text"):
            from_plain(
                CodeRequest,
                {**plain, "study": {**study, "sealing": {**sealing, "update_bound": value}}},
            )


def large(world: World, share: str) -> None:
    """Makes the next study take about this share of the allowance."""
    site = world.reopened()
    world.rounds, world.study = 1, f"part-{share.replace('.', '-')}"
    effect = site.try_plan(world.request().request).budget
    world.rounds = int(Decimal(share) * effect.cap / effect.reserves)


def test_two_who_collude_get_no_more_than_one() -> None:
    world = World()
    site = world.site()
    large(world, "0.6")
    world.approved(site, SCIENTIST)
    request = world.file(site, OTHER_SCIENTIST)
    plan = site.plan(request)
    assert plan.budget.leaves < 0
    with pytest.raises(BudgetInsufficient, match=r"needs 5\d\.\d % .*; 4\d\.\d % is left"):
        site.approve(request, plan.digest, world.acting(REVIEWER))
    assert site.register().request(request).state is RequestState.PENDING


def test_a_requesters_share_is_theirs_alone() -> None:
    world = World()
    site = world.site()
    share = RequesterShare(account=SCIENTIST, epsilon=Decimal(2))
    asked = AllowanceAsked(
        dataset=ADMISSIONS, epsilon=Decimal(3), delta=Decimal("1e-6"), shares=(share,)
    )
    grant_allowance(site.ledger, asked, world.acting())
    large(world, "0.5")
    request = world.file(site, SCIENTIST)
    with pytest.raises(BudgetInsufficient):
        site.approve(request, site.plan(request).digest, world.acting(REVIEWER))
    world.approved(site, OTHER_SCIENTIST)


def test_an_allowance_is_not_lowered_below_what_is_spent_and_promised() -> None:
    world = World()
    site = world.site()
    large(world, "0.6")
    request = world.approved(site)
    world.epsilon = Decimal("2.2")
    with pytest.raises(AllowanceBelowSpent):
        world.grant(site)
    assert site.register().book(ADMISSIONS).granted().epsilon == 3
    site.revoke(request, world.acting(REVIEWER))
    world.grant(site)
    assert site.register().book(ADMISSIONS).granted().epsilon == Decimal("2.2")


def test_the_owner_cannot_write_a_lower_allowance_past_the_steps_either() -> None:
    world = World()
    site = world.site()
    large(world, "0.6")
    world.approved(site)
    book = site.register().book(ADMISSIONS)
    lower = replace(book.granted(), epsilon=Decimal("2.2"))
    decision = AllowanceGrant(
        site=SiteId("hospital-a"),
        by=world.acting().account,
        at=site.ledger.now(),
        reason=Line("Less"),
        allowance=lower,
    )
    with pytest.raises(AllowanceBelowSpent):
        site.ledger.record(decided(world, world.acting().account, decision))


def racing(world: World) -> tuple[SiteParty, SiteParty, RequestId, RequestId]:
    """Two processes on one store, and two requests of which only one fits."""
    one = world.site()
    large(world, "0.6")
    first, second = world.file(one, SCIENTIST), world.file(one, OTHER_SCIENTIST)
    return one, world.reopened(), first, second


def test_two_requests_race_for_the_last_epsilon_and_one_wins() -> None:
    world = World()
    one, two, first, second = racing(world)
    plan_one, plan_two = one.plan(first), two.plan(second)
    one.approve(first, plan_one.digest, world.acting(REVIEWER))
    with pytest.raises(PlanStale, match=r"budget\.reserved"):
        two.approve(second, plan_two.digest, world.acting(SECOND_REVIEWER))
    with pytest.raises(BudgetInsufficient):
        two.approve(second, two.plan(second).digest, world.acting(SECOND_REVIEWER))
    for site in (one, two, world.reopened()):
        book = site.register().book(ADMISSIONS)
        assert set(book.holds) == {first}
        assert book.counted <= book.granted().cap


class Interrupted(MemoryLedger):
    """A store on which somebody else's approval gets in just before a transaction begins."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Callable[[], object]] = []

    @contextmanager
    def exclusive(self) -> Iterator[MemoryWriter]:
        """A transaction that somebody else was quicker than."""
        while self.before:
            self.before.pop()()
        with super().exclusive() as writer:
            yield writer


def test_an_approval_that_gets_in_between_the_plan_and_the_entry_wins() -> None:
    """The second approval has passed every check of its step when the first one is recorded."""
    world = World()
    store = world.stores["hospital-a"] = Interrupted()
    one, two, first, second = racing(world)
    plan_one, plan_two = one.plan(first), two.plan(second)
    store.before.append(lambda: one.approve(first, plan_one.digest, world.acting(REVIEWER)))
    with pytest.raises(PlanStale, match="The ledger has moved on"):
        two.approve(second, plan_two.digest, world.acting(SECOND_REVIEWER))
    assert set(two.register().book(ADMISSIONS).holds) == {first}
    assert len(stored_entries(world)) == two.register().head.size


def test_many_small_requests_are_counted_like_one_large_one() -> None:
    world = World(rounds=40)
    site = world.site()
    approved = 0
    for number in range(100):
        world.study = f"slice-{number}"
        world.wait(minutes=1)
        try:
            world.approved(site, (SCIENTIST, OTHER_SCIENTIST)[number % 2])
        except BudgetInsufficient:
            break
        approved += 1
    book = site.register().book(ADMISSIONS)
    needed = book.need(world.request().request)
    assert approved == int(book.granted().cap / needed) > 1
    assert book.counted == approved * needed <= book.granted().cap
