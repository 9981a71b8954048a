"""A site's ledger in use: one writer at a time, nothing built on an old head, no way back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from securefed.adapters.memory import MemoryLedger, MemoryWriter
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.event import RequestClosed, RequestFiled
from securefed.domain.identifiers import RequestId, SiteId
from securefed.domain.ledger import EMPTY, Head
from securefed.domain.request import RequestState
from securefed.errors import (
    CheckpointInvalid,
    ClockBehind,
    LedgerBroken,
    LedgerRolledBack,
    NotAllowedHere,
    NotFound,
    StorageFailed,
)
from securefed.steps.keep_ledger import SiteLedger
from tests.forge import opened, store_of, stored_entries
from tests.snapshots import picture
from tests.world import ADMISSIONS, START, World


def test_an_event_that_fits_is_stored_before_it_is_believed() -> None:
    world = World()
    site = world.site()
    entry = site.ledger.record(RequestFiled(filed=world.request()))
    assert entry.index == site.register().head.size - 1
    assert site.ledger.history(1) == [entry]
    assert picture(world.reopened().ledger.register()) == picture(site.ledger.register())


def test_an_event_that_does_not_fit_leaves_no_trace() -> None:
    world = World()
    site = world.site()
    before = stored_entries(world)
    with pytest.raises(NotAllowedHere):
        site.receive(world.request(by=world.acting().account))
    assert stored_entries(world) == before
    site.receive(world.request())
    assert len(stored_entries(world)) == len(before) + 1


class FullDisk(MemoryLedger):
    """A store whose transactions cannot be made durable while the disk is full."""

    full = False

    @contextmanager
    def exclusive(self) -> Iterator[MemoryWriter]:
        """A transaction that fails at its very end."""
        with super().exclusive() as writer:
            yield writer
            if self.full:
                raise StorageFailed("The disk is full")


def test_what_could_not_be_stored_did_not_happen() -> None:
    world = World()
    store = world.stores["hospital-a"] = FullDisk()
    site = world.site()
    before = picture(site.ledger.register())
    store.full = True
    with pytest.raises(StorageFailed):
        site.receive(world.request())
    assert picture(site.ledger.register()) == before
    store.full = False
    site.receive(world.request())
    assert site.ledger.register().head.size == before.head.size + 1


def test_two_processes_follow_each_other() -> None:
    world = World()
    one, two = world.site(), world.reopened()
    request = world.file(one)
    assert two.register().request(request).state is RequestState.PENDING
    two.deny(request, world.acting())
    assert one.register().request(request).state is RequestState.DENIED
    assert picture(one.ledger.register()) == picture(two.ledger.register())


# --- time ----------------------------------------------------------------------------------------


def test_a_clock_that_is_a_little_behind_waits_at_the_last_entry() -> None:
    world = World()
    site = world.site()
    world.wait(minutes=-5)
    assert site.ledger.now() == START
    entry = site.ledger.record(RequestFiled(filed=world.request()))
    assert entry.at == START


def test_a_clock_that_went_back_stops_the_site_until_it_is_set() -> None:
    world = World()
    site = world.site()
    world.wait(minutes=-5, seconds=-1)
    with pytest.raises(ClockBehind, match="The clock says 2026-11-21 08:54Z"):
        site.receive(world.request())
    with pytest.raises(ClockBehind):
        site.register()
    world.wait(minutes=5, seconds=1)
    site.receive(world.request())


# --- what was seen is not forgotten --------------------------------------------------------------


def test_a_shortened_store_is_refused_until_it_is_whole_again() -> None:
    world = World()
    site = world.site()
    whole = store_of(stored_entries(world))
    world.file(site)
    longer = store_of(stored_entries(world))
    store = site.ledger._store
    assert isinstance(store, MemoryLedger)
    store._entries = list(whole._entries)
    for _ in range(3):
        with pytest.raises(LedgerRolledBack, match=r"had 9 entries.* now .*8"):
            site.ledger.register()
        with pytest.raises(LedgerRolledBack):
            site.receive(world.request())
    store._entries = list(longer._entries)
    assert site.ledger.register().head.size == 9


def test_another_history_of_the_same_or_a_greater_length_is_refused_too() -> None:
    world = World()
    site = world.site()
    shared = stored_entries(world)
    world.file(site)
    fork = opened(world, shared)
    world.rounds = 9
    for _ in range(2):
        world.wait(minutes=1)
        world.file(fork)
        store = site.ledger._store
        assert isinstance(store, MemoryLedger)
        store._entries = stored_entries(world)
        for _ in range(2):
            with pytest.raises(LedgerRolledBack):
                site.ledger.register()


def test_a_failed_replay_does_not_make_a_site_forget() -> None:
    world = World()
    site = world.site()
    shared = stored_entries(world)
    world.file(site)
    store = site.ledger._store
    assert isinstance(store, MemoryLedger)
    store._entries = [*stored_entries(world), shared[3]]
    with pytest.raises(LedgerBroken, match="does not follow"):
        site.ledger.register()
    store._entries = shared
    with pytest.raises(LedgerRolledBack):
        site.ledger.register()


def test_the_ledger_of_another_site_or_another_key_is_not_read() -> None:
    world = World()
    world.site()
    world.site("hospital-b")
    world.stores["hospital-a"] = world.stores["hospital-b"]
    with pytest.raises(LedgerBroken, match="is that of hospital-b"):
        world.reopened("hospital-a").ledger.register()
    stranger = SiteLedger(
        SiteId("hospital-b"),
        world.stores["hospital-b"],
        world.keys.signer("stranger"),
        world.keys.verify,
        world.clock,
    )
    with pytest.raises(LedgerBroken, match="or of another key"):
        stranger.register()


# --- checkpoints ---------------------------------------------------------------------------------


def test_a_checkpoint_pins_the_head_and_stays_true_as_the_ledger_grows() -> None:
    world = World()
    site = world.site()
    checkpoint = site.checkpoint()
    assert checkpoint.head == site.register().head
    site.ledger.check_contains(checkpoint)
    world.file(site)
    site.ledger.check_contains(checkpoint)
    site.ledger.check_contains(site.checkpoint())


def test_a_checkpoint_of_an_empty_ledger_is_part_of_every_ledger() -> None:
    world = World()
    site = world.site()
    signer = world.keys.signer("hospital-a")
    empty = replace(site.checkpoint(), head=EMPTY, signatures=())
    site.ledger.check_contains(empty.by_site(signer.key, signer.sign(empty.signed)))


def test_a_checkpoint_that_the_ledger_does_not_contain_is_an_alarm() -> None:
    world = World()
    site = world.site()
    entries = stored_entries(world)
    world.file(site)
    checkpoint = site.checkpoint()
    with pytest.raises(LedgerRolledBack, match="own checkpoint of 9 entries"):
        opened(world, entries).ledger.check_contains(checkpoint)
    signer = world.keys.signer("hospital-a")
    wrong_start = Head(size=0, hash=checkpoint.head.hash)
    for head in (replace(checkpoint.head, size=8), wrong_start, replace(EMPTY, size=9)):
        other = replace(checkpoint, head=head, signatures=())
        signed = other.by_site(signer.key, signer.sign(other.signed))
        with pytest.raises(LedgerRolledBack):
            site.ledger.check_contains(signed)


def test_a_checkpoint_that_the_site_did_not_sign_counts_for_nothing() -> None:
    world = World()
    site, other = world.site(), world.site("hospital-b")
    for checkpoint in (replace(site.checkpoint(), signatures=()), other.checkpoint()):
        with pytest.raises(CheckpointInvalid, match="not signed by hospital-a"):
            site.ledger.check_contains(checkpoint)


def test_history_is_the_newest_entries_oldest_first() -> None:
    world = World()
    site = world.site()
    whole = site.ledger.history(100)
    assert [entry.index for entry in whole] == list(range(8))
    assert site.ledger.history(3) == whole[-3:]
    assert site.ledger.history(0) == []


def test_a_request_that_is_not_there_cannot_be_closed() -> None:
    world = World()
    site = world.site()
    missing = RequestClosed(request=RequestId("cr-" + "0" * 12), state=RequestState.EXPIRED)
    with pytest.raises(NotFound):
        site.ledger.record(missing)
    assert site.register().book(ADMISSIONS).counted == 0


# --- a checkpoint that is kept -------------------------------------------------------------------


def with_kept(world: World, kept: Checkpoint) -> SiteLedger:
    """The ledger as a fresh process opens it that kept a checkpoint."""
    signer = world.keys.signer("hospital-a")
    store = world.stores["hospital-a"]
    return SiteLedger(SiteId("hospital-a"), store, signer, world.keys.verify, world.clock, kept)


def test_a_ledger_that_was_put_back_is_refused_from_the_start_by_a_kept_checkpoint() -> None:
    world = World()
    site = world.site()
    older = stored_entries(world)
    world.file(site)
    kept = site.checkpoint()
    assert with_kept(world, kept).register().head == kept.head
    world.stores["hospital-a"] = store_of(older)
    opened_again = with_kept(world, kept)
    for _ in range(2):
        with pytest.raises(LedgerRolledBack):
            opened_again.register()
        with pytest.raises(LedgerRolledBack):
            opened_again.record(RequestFiled(filed=world.request()))


def test_only_the_sites_own_checkpoint_is_kept() -> None:
    world = World()
    site, other = world.site(), world.site("hospital-b")
    for wrong in (other.checkpoint(), replace(site.checkpoint(), signatures=())):
        with pytest.raises(CheckpointInvalid):
            with_kept(world, wrong)


def test_an_audit_checks_what_is_stored_against_what_was_seen() -> None:
    world = World()
    site = world.site()
    whole = stored_entries(world)
    register, kinds = site.ledger.audited(lambda _key, _entries: None)
    assert register.head == site.register().head
    assert sum(kinds.values()) == len(whole) == len(list(site.ledger.stored()))
    store = site.ledger._store
    assert isinstance(store, MemoryLedger)
    store._entries = whole[:-1]
    with pytest.raises(LedgerRolledBack):
        site.ledger.audited(lambda _key, _entries: None)
