"""A custodian that goes away and comes back: one opening, in the same words, however often asked.

What a lost answer could do first: have another sum opened. The custodian is the product's own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import numpy as np
import pytest

from securefed.adapters.memory_round import MemoryFiles, MemoryWorkers
from securefed.aggregation.chunks import Words
from securefed.aggregation.opening import Held
from securefed.domain.custody import CanaryTried, RoundOpened
from securefed.domain.identifiers import Digest, Name
from securefed.domain.key_card import Holds
from securefed.domain.study import Suite
from securefed.domain.update import Roster, Seal
from securefed.errors import (
    CustodianBusy,
    CustodianOverdue,
    CustodianUnreachable,
    CustodyRefused,
    RunCancelled,
    SealInvalid,
    SecurefedError,
    UpdateLate,
)
from securefed.parties.coordinator import CoordinatorParty, Equipment
from securefed.steps.await_custodian import Awaited
from tests.adapters.sealing.parties import opening_key
from tests.aggregation.round_of_sites import site
from tests.custody import Custody, round_of, summed
from tests.patience import Patient
from tests.steps.sealed_round import SealedRound

NAME = Name("registry")


@dataclass
class Leaving:
    """A custodian that is gone when it is asked, or once it has done what it was asked for, and
    then comes back as a new process."""

    custody: Custody
    holds: Held
    gone: list[SecurefedError] = field(default_factory=list)
    lost: list[SecurefedError] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def open(self, seal: Seal, roster: Roster, file: BinaryIO) -> Iterator[Words]:
        self._arrives(file)
        words = list(self.custody.party.open(seal, roster, file))
        self._answers()
        yield from words

    def prove(self, seal: Seal, roster: Roster, file: BinaryIO, expected: Digest) -> bool:
        self._arrives(file)
        proved = self.custody.party.prove(seal, roster, file, expected)
        self._answers()
        return proved

    def _arrives(self, file: BinaryIO) -> None:
        self.asked.append(file.read())
        if self.gone:
            raise self.gone.pop(0)
        file.seek(0)

    def _answers(self) -> None:
        if self.lost:
            self.custody.party = self.custody.opened()
            self.meanwhile()
            raise self.lost.pop(0)


@dataclass
class Round:
    """A coordinator's round with one custodian that may be away."""

    patient: Patient = field(default_factory=Patient)

    def __post_init__(self) -> None:
        self.one = SealedRound(round_of(), MemoryFiles())
        self.custodian = Leaving(Custody(), self.one.play.mask_keys[0].public)
        self.party = self.process()

    def process(self) -> CoordinatorParty:
        """A coordinator's process over the round's files."""
        awaited = Awaited(self.custodian, NAME, self.patient.waiting)
        tools = replace(self.one.tools(), custodians=[awaited])
        equipment = Equipment(tools=tools, workers=MemoryWorkers())
        return CoordinatorParty(self.one.files, self.one.announced, equipment)

    def collected(self, *sites: int) -> None:
        assert not self.party.prove().proof.failed
        for number in sites:
            self.party.receive(site(number), [self.one.sealed(number)])

    def opened(self) -> np.ndarray:
        return np.concatenate([part for _, part in self.party.average()])

    def logged(self, kind: type[RoundOpened] | type[CanaryTried]) -> int:
        return sum(isinstance(one, kind) for one in self.custodian.custody.events())


def lost(times: int = 1) -> list[SecurefedError]:
    return [CustodianUnreachable("The answer ended too early") for _ in range(times)]


def test_a_lost_answer_opens_no_other_sum_whatever_comes_meanwhile() -> None:
    found = Round()
    found.collected(0, 1)
    sums = found.custodian.asked
    sums.clear()

    def late() -> None:
        with pytest.raises(UpdateLate):
            found.party.receive(site(2), [found.one.sealed(2)])

    found.custodian.lost, found.custodian.meanwhile = lost(3), late
    opened = found.opened()
    expected = np.mean([found.one.values(number) for number in (0, 1)], axis=0)
    assert np.abs(opened - expected).max() < 0.1
    assert len(sums) == 4
    assert len(set(sums)) == 1
    assert found.logged(RoundOpened) == 1


def test_a_coordinator_that_dies_while_it_waits_has_the_same_sum_opened() -> None:
    found = Round(Patient(stops=1))
    found.collected(0, 1)
    found.custodian.asked.clear()
    found.custodian.lost = lost(9)
    with pytest.raises(RunCancelled):
        found.opened()
    found.custodian.lost, found.patient = [], Patient()
    found.party = found.process()
    found.party.prove()
    first = found.opened()
    assert np.array_equal(first, found.opened())
    assert len(set(found.custodian.asked)) == 1
    assert found.logged(RoundOpened) == 1


def test_another_sum_is_refused_and_the_refusal_ends_the_asking_at_once() -> None:
    custody, one, patient = Custody(), round_of(), Patient()
    custodian = Leaving(custody, one.mask_keys[0].public)
    awaited = Awaited(custodian, NAME, patient.waiting)
    custodian.lost = lost()
    list(awaited.open(one.seal, one.roster, summed(one)))
    other = summed(one, (0, 1))
    with pytest.raises(CustodyRefused):
        list(awaited.open(one.seal, one.roster, other))
    assert (len(custodian.asked), patient.pauses) == (3, [1])


def test_a_spoiled_answer_is_no_absence() -> None:
    found = Round()
    found.collected(0, 1)
    found.custodian.lost = [SealInvalid("The answer is for another request")]
    with pytest.raises(SealInvalid):
        found.opened()
    assert found.patient.noted == []


def test_the_canary_is_asked_for_again_as_the_same_canary() -> None:
    found = Round()
    found.custodian.lost = lost(2)
    assert not found.party.prove().proof.failed
    assert len(set(found.custodian.asked)) == 1
    assert (len(found.custodian.asked), found.logged(CanaryTried)) == (3, 1)


def test_who_is_awaited_is_said_once_and_so_is_the_end_of_it() -> None:
    found = Round()
    found.collected(0, 1, 2)
    found.custodian.gone = [
        CustodianUnreachable("refused", where="http://127.0.0.1:1"),
        CustodianBusy("The custodian says: at work"),
        CustodianUnreachable("refused"),
    ]
    found.opened()
    away, back = found.patient.noted
    assert away[0] == "custodian-unreachable"
    assert away[2].startswith("registry: refused (http://127.0.0.1:1); it is asked again for 60 s")
    assert back == ("custodian-back", 3.0, "registry answers again")


def test_a_self_test_is_not_failed_by_a_custodian_that_stays_away() -> None:
    found = Round(Patient(limit_s=5))
    found.custodian.gone = lost(99)
    with pytest.raises(CustodianOverdue, match="registry was awaited for 5 seconds"):
        found.party.prove()
    found.custodian.gone = []
    assert not found.party.prove().proof.failed


def test_words_come_once_and_in_order() -> None:
    one = round_of(Suite.BFV, parameters=9_000, bits=16)
    custody = Custody(holds=Holds.LATTICE, suites=(Suite.BFV,))
    custodian = Leaving(custody, opening_key().public.digest, gone=lost())
    awaited, file = Awaited(custodian, NAME, Patient().waiting), summed(one)
    assert awaited.holds == custodian.holds
    found = list(awaited.open(one.seal, one.roster, file))
    file.seek(0)
    plain = list(custody.party.open(one.seal, one.roster, file))
    assert len(found) == len(plain) > 1
    assert all(np.array_equal(a, b) for a, b in zip(found, plain, strict=True))
