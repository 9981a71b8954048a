"""A served site follows its ledger, whoever writes to it, and ends where it can't."""

import threading
from collections.abc import Callable

import pytest

from securefed.domain.event import CallsRefused
from securefed.domain.identifiers import Name
from securefed.domain.mirrored import Mirrored
from securefed.domain.request import RequestState
from securefed.errors import LedgerBroken, SecurefedError, SiteStopping, StorageFailed
from securefed.parties.caretaker import Caretaker, Duties
from securefed.parties.doorkeeper import Doorkeeper
from tests.office import PATIENCE, Office
from tests.parties.test_desk import TRAIN


class House:
    """A site's caretaker, and what it was seen to do."""

    def __init__(self) -> None:
        self.office = Office()
        self.followed: list[Mirrored] = []
        self.said: list[SecurefedError] = []
        self.halted = threading.Event()
        self.incoming: list[Callable[[], object]] = []
        self.trouble: list[Exception] = []
        self.doorkeeper = Doorkeeper(self.office.ledger)
        self.caretaker = Caretaker(
            Duties(
                ledger=self.office.ledger,
                desk=self.office.desk,
                doorkeeper=self.doorkeeper,
                take_in=self._take_in,
                follow=self._follow,
                say=self.said.append,
                halt=self.halted.set,
            )
        )

    def _take_in(self, _: Mirrored) -> int:
        taken, self.incoming = self.incoming, []
        for act in taken:
            act()
        return len(taken)

    def _follow(self, wanted: Mirrored) -> None:
        if self.trouble:
            raise self.trouble.pop()
        self.followed.append(wanted)


def test_it_follows_decisions_and_not_every_step() -> None:
    house = House()
    house.caretaker.look()
    assert len(house.followed) == 1
    house.caretaker.look()
    assert len(house.followed) == 1
    request = house.office.approved()
    house.caretaker.look()
    assert house.followed[-1].requests[request].state is RequestState.APPROVED
    seen = len(house.followed)
    house.office.train(request)
    house.caretaker.look()
    assert len(house.followed) == seen
    house.office.party.revoke(request, house.office.world.acting())
    house.caretaker.look()
    assert house.followed[-1].requests[request].state is RequestState.REVOKED


def test_what_is_taken_in_is_followed_in_the_same_look() -> None:
    house = House()
    house.incoming = [lambda: house.office.world.file(house.office.party)]
    house.caretaker.look()
    (ruled,) = house.followed[-1].requests.values()
    assert ruled.state is RequestState.PENDING


def test_a_follow_that_failed_is_tried_again() -> None:
    house = House()
    house.trouble = [StorageFailed("full")]
    with pytest.raises(StorageFailed):
        house.caretaker.look()
    house.caretaker.look()
    assert len(house.followed) == 1


def test_trouble_with_the_machine_is_said_and_anything_else_ends_the_site() -> None:
    house = House()
    with house.caretaker.on_duty():
        house.trouble = [LedgerBroken("rewritten"), StorageFailed("full")]
        house.office.approved()
        assert house.halted.wait(PATIENCE)
    assert [type(one) for one in house.said] == [StorageFailed, LedgerBroken]


def test_leaving_duty_stops_the_desk_and_enters_what_was_counted() -> None:
    house = House()
    request = house.office.approved()
    with house.caretaker.on_duty():
        house.doorkeeper.refused(Name("path"))
    (entry,) = house.office.ledger.history(1)
    assert isinstance(entry.event, CallsRefused)
    with pytest.raises(SiteStopping):
        house.office.ask(request, TRAIN)
