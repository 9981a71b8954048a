"""Buffered rounds: nobody is summed twice with one update, nobody alone, nobody is forgotten."""

from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from securefed.domain.buffer import Buffer, Lot, Ready
from securefed.domain.identifiers import SiteId
from securefed.domain.weighting import FRESH
from securefed.errors import NotFound, NumberInvalid, SumIncomplete, TransitionInvalid

SITES = tuple(SiteId(f"site-{number}") for number in range(6))
A, B, C, D, *_ = SITES
FRESH_WEIGHTS = dict.fromkeys(SITES, 3)


def waiting(*sites: SiteId, size: int = 3, quorum: int = 2) -> Buffer:
    buffer = Buffer(size=size, quorum=quorum)
    for site in sites:
        buffer = buffer.beginning(site)
    for site in sites:
        buffer = buffer.with_ready(site)
    return buffer


def lot_of(buffer: Buffer) -> Lot:
    assert buffer.lot is not None
    return buffer.lot


def test_enough_that_are_ready_become_a_lot_in_their_order() -> None:
    two = waiting(B, A)
    assert two.forming() is two
    formed = waiting(B, A, D, C).forming()
    assert [one.site for one in lot_of(formed).members] == [B, A, D]
    assert [one.site for one in formed.ready] == [C]
    assert (lot_of(formed).version, lot_of(formed).attempt) == (0, 1)


def test_after_a_deadline_the_quorum_is_enough_and_one_is_never() -> None:
    assert lot_of(waiting(B, A).forming(patient=False)).sites == {A, B}
    alone = waiting(A)
    assert alone.forming(patient=False) is alone
    for size, quorum in ((1, 1), (2, 1), (2, 3)):
        with pytest.raises(NumberInvalid):
            Buffer(size=size, quorum=quorum)


def test_one_lot_is_open_at_a_time() -> None:
    formed = waiting(*SITES).forming()
    assert formed.forming() is formed
    after = formed.stepped(lot_of(formed).sites, lot_of(formed).sites).forming()
    assert lot_of(after).version == 1
    assert not lot_of(after).sites & lot_of(formed).sites


def test_staleness_is_counted_in_versions_and_discounted() -> None:
    # D began with version 0, was slow, and is summed at version 3.
    buffer = Buffer(size=2, quorum=2).beginning(D)
    for _ in range(3):
        for site in (A, B):
            buffer = buffer.beginning(site).with_ready(site)
        buffer = buffer.forming()
        buffer = buffer.stepped(lot_of(buffer).sites, lot_of(buffer).sites)
    buffer = buffer.beginning(C).with_ready(C).with_ready(D).forming()
    lot = lot_of(buffer)
    assert lot.weights(FRESH_WEIGHTS) == {C: 3 * FRESH, D: 3 * FRESH // 2}
    assert lot.damping(FRESH_WEIGHTS, {C, D}) == Fraction(3, 4)
    assert lot.damping(FRESH_WEIGHTS, {D}) == Fraction(1, 2)


def test_damping_makes_the_opened_average_that_of_fed_buff() -> None:
    members = (Ready(site=A, version=7), Ready(site=B, version=4), Ready(site=C, version=0))
    lot = Lot(version=7, attempt=1, members=members)
    updates = {A: 0.5, B: -1.0, C: 4.0}
    weights = lot.weights(FRESH_WEIGHTS)
    opened = sum(weights[site] * one for site, one in updates.items()) / sum(weights.values())
    # Nguyen et al. 2022: the sum of updates over √(1 + staleness), divided by their number.
    paper = sum(updates[one.site] / (1 + 7 - one.version) ** 0.5 for one in members) / 3
    damped = float(lot.damping(FRESH_WEIGHTS, lot.sites)) * opened
    assert damped == pytest.approx(paper, rel=1e-3)


def test_damping_is_for_a_sum_of_the_lot() -> None:
    lot = lot_of(waiting(A, B, C).forming())
    for summed in (set(), {A, D}):
        with pytest.raises(SumIncomplete):
            lot.damping(FRESH_WEIGHTS, summed)


def test_who_sealed_for_a_failed_lot_has_to_train_again() -> None:
    """The same update in two lots could be told from the difference of their sums."""
    formed = waiting(A, B, C, D).forming()
    failed = formed.failed({A})
    assert [one.site for one in failed.ready] == [B, C, D]
    assert A not in failed.busy
    again = lot_of(failed.forming())
    assert again.sites == {B, C, D}
    assert (again.version, again.attempt) == (0, 2)


def test_who_never_sealed_waits_on_in_front_after_a_step() -> None:
    formed = waiting(A, B, C, D).forming()
    after = formed.stepped({A, B}, {A, B})
    assert after.version == 1
    assert [(one.site, one.version) for one in after.ready] == [(C, 0), (D, 0)]
    assert lot_of(after.forming(patient=False)).attempt == 1


def test_an_update_that_came_too_late_is_spent() -> None:
    formed = waiting(A, B, C).forming()
    assert formed.stepped({A, B, C}, {A, B}).busy == frozenset()


def test_a_step_takes_the_quorum_of_those_that_sealed() -> None:
    formed = waiting(A, B, C).forming()
    for sealed, summed in (({A, B}, {A}), ({A, B}, {A, C}), (set(), set())):
        with pytest.raises(SumIncomplete):
            formed.stepped(sealed, summed)
    with pytest.raises(TransitionInvalid, match="not in the lot"):
        formed.failed({D})
    with pytest.raises(TransitionInvalid, match="not in the lot"):
        formed.stepped({A, B, D}, {A, B})


def test_without_a_lot_nothing_steps_or_fails() -> None:
    with pytest.raises(TransitionInvalid, match="No lot"):
        waiting(A).failed(set())
    with pytest.raises(TransitionInvalid, match="No lot"):
        waiting(A).stepped(set(), set())


def test_a_site_has_one_update_under_way() -> None:
    training = Buffer(size=2, quorum=2).beginning(A)
    for buffer in (training, training.with_ready(A), waiting(A, B, size=2).forming()):
        with pytest.raises(TransitionInvalid, match="under way"):
            buffer.beginning(A)


def test_readiness_is_said_by_those_that_train_and_again_changes_nothing() -> None:
    ready = waiting(A)
    assert ready.with_ready(A) is ready
    with pytest.raises(NotFound):
        ready.with_ready(B)


def test_who_is_gone_can_come_back() -> None:
    for buffer in (Buffer(size=2, quorum=2).beginning(A), waiting(A)):
        gone = buffer.without(A)
        assert gone.busy == frozenset()
        assert gone.beginning(A).training == {A: 0}


class Rounds(RuleBasedStateMachine):
    """Anything may happen in any order; every trained update ends in one sealing at most."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = Buffer(size=3, quorum=2)
        self.updates = 0
        self.under_way: dict[SiteId, int] = {}
        self.sealed: list[int] = []

    @rule(site=st.sampled_from(SITES))
    def begin(self, site: SiteId) -> None:
        if site not in self.buffer.busy:
            self.buffer = self.buffer.beginning(site)
            self.updates += 1
            self.under_way[site] = self.updates

    @precondition(lambda self: self.buffer.training)
    @rule(data=st.data())
    def trained(self, data: st.DataObject) -> None:
        site = data.draw(st.sampled_from(sorted(self.buffer.training)))
        self.buffer = self.buffer.with_ready(site)

    @rule(site=st.sampled_from(SITES))
    def lost(self, site: SiteId) -> None:
        self.buffer = self.buffer.without(site)

    @rule(patient=st.booleans())
    def form(self, *, patient: bool) -> None:
        self.buffer = self.buffer.forming(patient=patient)

    @precondition(lambda self: self.buffer.lot)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        sites = sorted(lot_of(self.buffer).sites)
        sealed = data.draw(st.sets(st.sampled_from(sites)))
        self.sealed += [self.under_way[site] for site in sealed]
        before = self.buffer.version
        if len(sealed) >= self.buffer.quorum:
            self.buffer = self.buffer.stepped(sealed, sealed)
            assert self.buffer.version == before + 1
        else:
            self.buffer = self.buffer.failed(sealed)
        assert not sealed & self.buffer.busy

    @invariant()
    def no_update_is_sealed_twice(self) -> None:
        assert len(set(self.sealed)) == len(self.sealed)

    @invariant()
    def a_site_is_in_one_place(self) -> None:
        places = [*self.buffer.training, *(one.site for one in self.buffer.ready)]
        places += [one.site for one in self.buffer.lot.members] if self.buffer.lot else []
        assert len(places) == len(set(places))
        assert set(places) == self.buffer.busy


Rounds.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
TestRounds = Rounds.TestCase
