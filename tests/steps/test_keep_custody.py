"""A custodian's log: one way forward, no way back, and nobody else's."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from securefed.adapters.ed25519_keys import Ed25519Signer
from securefed.adapters.memory import MemoryLedger
from securefed.domain.custody import CustodyFounded, OpeningFailed, Turn
from securefed.domain.identifiers import Digest, Line, Name, Signature
from securefed.domain.key_card import Holds
from securefed.domain.ledger import StoredEntry
from securefed.errors import (
    CheckpointInvalid,
    ClockBehind,
    CustodyRefused,
    LedgerBroken,
    LedgerRolledBack,
)
from tests.custody import START, STUDY, Custody, round_of, summed

SUM = Digest("sha256:" + "5" * 64)


class Rewritten(MemoryLedger):
    """A store whose entries somebody has rewritten."""

    def __init__(self, entries: list[StoredEntry]) -> None:
        super().__init__()
        with self.exclusive() as writer:
            for entry in entries:
                head = writer.head()
                writer.append(entry, head.size, head.hash)


def with_an_opening() -> Custody:
    custody, one = Custody(), round_of()
    list(custody.party.open(one.seal, one.roster, summed(one)))
    return custody


def stored(custody: Custody) -> Iterator[StoredEntry]:
    return custody.store.entries()


def test_a_log_that_was_rolled_back_is_refused_by_this_process_and_the_next() -> None:
    custody = with_an_opening()
    one = round_of()
    older = Rewritten(list(stored(custody))[:-1])
    custody.party.log._store = older
    with pytest.raises(LedgerRolledBack, match="had 3 entries"):
        custody.party.open(one.seal, one.roster, summed(one, (0, 1)))
    custody.store = older
    next_process = custody.opened()
    with pytest.raises(LedgerRolledBack):
        next_process.check()
    with pytest.raises(LedgerRolledBack):
        next_process.open(one.seal, one.roster, summed(one, (0, 1)))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_entry_whose_signature_was_damaged_breaks_the_log(place: int) -> None:
    custody = with_an_opening()
    entries = list(stored(custody))
    entries[place] = replace(entries[place], signature=Signature("0" * 128))
    custody.store = Rewritten(entries)
    with pytest.raises(LedgerBroken, match="signature") as caught:
        custody.opened().check()
    assert caught.value.where == f"entry {place}"


def test_an_entry_that_was_changed_or_dropped_breaks_the_log() -> None:
    custody = with_an_opening()
    first, second, third = stored(custody)
    changed = replace(second, data=second.data.replace(b'"quorum":2', b'"quorum":3'))
    for entries in ([first, changed, third], [first, third], [second], [first, first]):
        custody.store, custody.kept = Rewritten(entries), None
        with pytest.raises(LedgerBroken):
            custody.opened().check()


def test_the_log_of_another_custodian_is_refused() -> None:
    custody = Custody()
    custody.signer, custody.kept = Ed25519Signer(b"o" * 32), None
    with pytest.raises(LedgerBroken, match="another key"):
        custody.opened().check()


def test_a_kept_head_that_somebody_else_signed_is_refused() -> None:
    custody = Custody()
    assert custody.kept is not None
    custody.kept = replace(custody.kept, signatures=())
    with pytest.raises(CheckpointInvalid):
        custody.opened()


def test_the_first_entry_comes_first_and_once() -> None:
    custody = Custody()
    again = CustodyFounded(custodian=Name("registry"), key=custody.signer.key, holds=Holds.MASK)
    with pytest.raises(LedgerBroken, match="only one"):
        custody.party.log.record(again)
    assert custody.kinds() == ["custody-founded", "study-registered"]


def test_only_what_is_being_opened_can_fail() -> None:
    turn = Turn(study=STUDY, round=3, attempt=1)
    for custody in (Custody(), with_an_opening()):
        with pytest.raises(CustodyRefused, match="not what was being opened"):
            custody.party.log.record(OpeningFailed(turn=turn, sum=SUM, cause=Name("seal-invalid")))


def test_a_clock_that_went_back_stops_the_custodian() -> None:
    custody = Custody()
    custody.clock.time = START - timedelta(minutes=4)
    custody.party.destroy(STUDY, Line("It has ended"))
    custody.clock.time = START - timedelta(minutes=6)
    with pytest.raises(ClockBehind):
        custody.party.log.now()


def test_the_checkpoint_is_the_custodians() -> None:
    custody = with_an_opening()
    checkpoint = custody.party.checkpoint()
    assert checkpoint.head.size == 3
    assert checkpoint.vouched_by_site(custody.signer.key, custody.party.verify)
    assert checkpoint == custody.kept
