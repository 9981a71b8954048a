"""Verifying a ledger: every total comes out anew, and what is wrong first is named."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters.memory import MemoryAccountant
from securefed.adapters.odometer import Odometer
from securefed.domain.budget import Book
from securefed.domain.event import RequestFiled, RoundReserved
from securefed.domain.identifiers import Name, Signature
from securefed.domain.ledger import StoredEntry
from securefed.domain.privacy import (
    DiscreteGaussianRelease,
    DiscreteLaplaceRelease,
    DpSgd,
    GaussianRelease,
    LaplaceRelease,
    Mechanism,
    Sampling,
)
from securefed.domain.recount import Total, recount
from securefed.domain.renyi import total_at
from securefed.domain.round import RoundId
from securefed.errors import LedgerBroken
from securefed.parties.site import SiteParty
from securefed.steps.meter_round import abort_round, authorise_steps, reserve_round
from securefed.steps.verify_ledger import Auditing, LedgerReport, verify_ledger
from tests.domain.strategies import decimals
from tests.forge import next_entry, opened, signed, stored_entries
from tests.world import ADMISSIONS, OTHER_SCIENTIST, REVIEWER, World


def spending_site(world: World) -> SiteParty:
    """A site with something spent, something reserved and two requesters."""
    world.metrics_noise = Decimal(20)
    site = world.site()
    closed = world.approved(site)
    id = RoundId(request=closed, round=1, attempt=1)
    authorise_steps(site.ledger, reserve_round(site.ledger, id, world.entropy), 7)
    abort_round(site.ledger, id, Name("out-of-memory"))
    site.revoke(closed, world.acting(REVIEWER))
    world.study = "another"
    world.approved(site, OTHER_SCIENTIST)
    return site


class Scaled(MemoryAccountant):
    """An accountant whose divergences are off by a factor."""

    def __init__(self, factor: str) -> None:
        self.factor = Decimal(factor)

    def divergence(self, mechanisms: tuple[Mechanism, ...], order: int) -> Decimal:
        """The divergence, times the factor."""
        return super().divergence(mechanisms, order) * self.factor


def verify_with(world: World, site: SiteParty, accountant: MemoryAccountant) -> LedgerReport:
    return verify_ledger(site.ledger, Auditing(checker=world.keys, accountant=accountant))


def test_every_total_is_derived_again_by_another_library() -> None:
    world = World()
    site = spending_site(world)
    report = verify_ledger(site.ledger, Auditing(checker=world.keys, accountant=Odometer()))
    assert report.head == site.register().head
    assert sum(report.kinds.values()) == report.head.size
    assert report.kinds[RequestFiled.kind] == 2
    assert report.kinds[RoundReserved.kind] == 1
    assert {one.what for one in report.totals} == {"spent", "reserved", "by dana", "by dimitri"}
    assert all(one.agrees and one.counted > 0 for one in report.totals)
    book = site.register().book(ADMISSIONS)
    by = {one.what: one.counted for one in report.totals}
    assert by["spent"] + by["reserved"] == book.counted == by["by dana"] + by["by dimitri"]


@pytest.mark.parametrize("factor", ["1.00001", "0.99999", "2", "0", "Infinity"])
def test_a_total_that_does_not_come_out_breaks_the_ledger(factor: str) -> None:
    world = World()
    site = spending_site(world)
    with pytest.raises(LedgerBroken, match=r"spent is counted as .* \(dataset admissions\)"):
        verify_with(world, site, Scaled(factor))


def test_a_charge_that_was_left_out_is_noticed() -> None:
    world = World()
    site = spending_site(world)
    book = site.ledger.register().book(ADMISSIONS)
    recount(book, total_at)
    book._counted -= Decimal("0.001")
    with pytest.raises(LedgerBroken, match="spent is counted as"):
        recount(book, total_at)


def test_a_dataset_without_an_allowance_has_no_totals() -> None:
    assert recount(Book(ADMISSIONS), total_at) == ()


def total(counted: Decimal, recomputed: Decimal, actions: int = 1) -> Total:
    return Total(
        dataset=ADMISSIONS,
        what="spent",
        order=7,
        counted=counted,
        recomputed=recomputed,
        actions=actions,
    )


@pytest.mark.parametrize(
    ("counted", "recomputed", "agrees"),
    [
        ("1", "1", True),
        ("1.0000009", "1", True),
        ("1.000002", "1", False),
        ("0.9999999995", "1", True),
        ("0.999999998", "1", False),
        ("0", "0", True),
        ("0", "0.00001", False),
        ("0.00001", "0", False),
        ("Infinity", "Infinity", False),
        ("1", "Infinity", False),
        ("NaN", "1", False),
        ("1", "NaN", False),
    ],
)
def test_ours_may_be_the_larger_by_rounding_only(
    counted: str, recomputed: str, agrees: bool
) -> None:
    assert total(Decimal(counted), Decimal(recomputed)).agrees is agrees


def test_rounding_each_of_many_small_steps_up_is_no_disagreement() -> None:
    steps = 1_000_000
    assert total(Decimal("0.0001009"), Decimal("0.0001"), steps).agrees
    assert not total(Decimal("0.0001009"), Decimal("0.0001"), 1000).agrees


noises, times = decimals("0.3", "300"), st.integers(1, 100_000)
usual: st.SearchStrategy[Mechanism] = st.one_of(
    st.builds(
        DpSgd,
        noise_multiplier=noises,
        sampling_rate=decimals("0.00001", "1"),
        sampling=st.just(Sampling.POISSON),
        steps=times,
        clip=st.just(Decimal(1)),
    ),
    st.builds(GaussianRelease, noise_multiplier=noises, releases=times),
    *(
        st.builds(kind, scale=noises, releases=times)
        for kind in (LaplaceRelease, DiscreteGaussianRelease, DiscreteLaplaceRelease)
    ),
)
# No allowance of use covers more.
LARGEST = Decimal(1000)


@settings(max_examples=60)
@given(done=st.lists(usual, max_size=3).map(tuple), order=st.integers(2, 24))
def test_the_core_and_the_library_agree_on_whatever_can_be_granted(
    done: tuple[Mechanism, ...], order: int
) -> None:
    counted = total_at(done, order)
    if counted > LARGEST:
        return
    theirs = Odometer().divergence(done, order)
    actions = sum(one.times for one in done)
    assert total(counted, theirs, actions).agrees, (counted, theirs)


# --- what is wrong first -------------------------------------------------------------------------


def lost_signature(entries: list[StoredEntry], place: int) -> list[StoredEntry]:
    lost = replace(entries[place], signature=Signature("0" * 128))
    return [*entries[:place], lost, *entries[place + 1 :]]


def swapped_data(entries: list[StoredEntry], place: int) -> list[StoredEntry]:
    return [*entries[:place], entries[place + 1], *entries[place + 1 :]]


@pytest.mark.parametrize(
    ("damage", "first"),
    [
        (lambda entries: lost_signature(swapped_data(entries, 3), 5), "does not follow .*entry 3"),
        (lambda entries: swapped_data(lost_signature(entries, 3), 5), "signature .*entry 3"),
        (lambda entries: lost_signature(lost_signature(entries, 6), 2), "signature .*entry 2"),
        (lambda entries: lost_signature(entries, 0), "signature .*entry 0"),
    ],
)
def test_the_first_bad_entry_is_named_also_when_a_later_one_is_bad(
    damage: Callable[[list[StoredEntry]], list[StoredEntry]], first: str
) -> None:
    world = World()
    spending_site(world)
    site = opened(world, damage(stored_entries(world)))
    with pytest.raises(LedgerBroken, match=first):
        verify_with(world, site, MemoryAccountant())


def test_a_lost_signature_stops_no_site_but_is_found_when_verifying() -> None:
    world = World()
    spending_site(world)
    site = opened(world, lost_signature(stored_entries(world), 4))
    site.register()
    with pytest.raises(LedgerBroken, match=r"signature is not the site's \(entry 4\)"):
        verify_with(world, site, MemoryAccountant())


def test_what_the_rules_forbid_does_not_verify_whoever_signed_it() -> None:
    world = World()
    site = spending_site(world)
    twice = stored_entries(world)
    filed = next(one for one in site.ledger.history(100) if isinstance(one.event, RequestFiled))
    again = signed(world, next_entry(site, filed.event))
    with pytest.raises(LedgerBroken, match=rf"is filed already \(entry {len(twice)}\)"):
        verify_with(world, opened(world, [*twice, again]), MemoryAccountant())
