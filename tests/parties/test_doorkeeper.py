"""What is turned away is in the ledger, counted, and cannot fill it."""

from datetime import timedelta

import pytest

from securefed.domain.event import CallsRefused
from securefed.domain.identifiers import Name
from securefed.errors import StorageFailed
from securefed.parties.doorkeeper import Doorkeeper
from tests.world import World


def test_refusals_are_entered_by_reason_and_at_most_once_a_minute() -> None:
    world = World()
    ledger = world.site().ledger
    keeper = Doorkeeper(ledger)
    keeper.enter()
    before = ledger.register().head.size
    for reason in ("path", "caller", "path"):
        keeper.refused(Name(reason))
    keeper.enter()
    (entry,) = ledger.history(1)
    assert isinstance(entry.event, CallsRefused)
    assert [(one.reason, one.count) for one in entry.event.refused] == [("caller", 1), ("path", 2)]
    for _ in range(1000):
        keeper.refused(Name("path"))
        keeper.enter()
    assert ledger.register().head.size == before + 1
    world.clock.time += timedelta(minutes=1)
    keeper.enter()
    assert ledger.register().head.size == before + 2
    keeper.refused(Name("path"))
    keeper.enter(at_end=True)
    assert ledger.register().head.size == before + 3
    assert world.reopened().ledger.register().head.size == before + 3


def test_counts_that_cannot_be_written_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    ledger = world.site().ledger
    keeper = Doorkeeper(ledger)
    keeper.refused(Name("path"))

    def full(_: object) -> None:
        raise StorageFailed("The disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "record", full)
        with pytest.raises(StorageFailed):
            keeper.enter()
    keeper.refused(Name("path"))
    world.clock.time += timedelta(minutes=1)
    keeper.enter()
    (entry,) = ledger.history(1)
    assert isinstance(entry.event, CallsRefused)
    assert [(one.reason, one.count) for one in entry.event.refused] == [("path", 2)]


def test_refusals_make_no_plan_stale() -> None:
    world = World()
    party = world.site()
    request = world.file(party)
    before = party.plan(request).digest
    keeper = Doorkeeper(party.ledger)
    keeper.refused(Name("path"))
    keeper.enter()
    assert party.plan(request).digest == before
