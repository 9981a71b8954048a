"""Opening a round: what a custodian refuses, whoever signed it, and what it does exactly once."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import numpy as np
import pytest

from securefed.adapters.ed25519_keys import verify
from securefed.adapters.masking.exchange import new_mask_key
from securefed.adapters.memory import MemoryLedger, MemoryWriter
from securefed.aggregation.opening import CANARY_LAYOUT, canary_digest, canary_seal
from securefed.aggregation.sealed_file import (
    SignedSum,
    check_sum,
    sum_header,
    update_header,
    written_sum,
)
from securefed.domain.custody import MOST_ATTEMPTS, OpeningFailed, OpeningRefused, RoundOpened
from securefed.domain.identifiers import Digest, Line, StudyId
from securefed.domain.key_card import Holds
from securefed.domain.study import Suite
from securefed.domain.update import Contributor, Roster, SealedSum, SignedUpdate
from securefed.errors import (
    CustodyRefused,
    NotFound,
    SealForeign,
    SealInvalid,
    SecurefedError,
    StorageFailed,
    SumIncomplete,
)
from tests.adapters.sealing.parties import COORDINATOR, Play, mask_key, play, written_total
from tests.aggregation.round_of_sites import closing, seal, signer, site
from tests.custody import START, STUDY, Custody, round_of, summed


def opened(custody: Custody, one: Play, file: io.BytesIO) -> np.ndarray:
    return np.concatenate(list(custody.party.open(one.seal, one.roster, file)))


def updates_of(one: Play, data: bytes) -> tuple[SignedUpdate, ...]:
    """The signed words in a sum's manifest."""
    file = io.BytesIO(data)
    checked = check_sum(file, one.seal, one.roster, COORDINATOR.key, verify, lambda *_: None)
    return checked.signed.sum.updates


def test_a_complete_sum_is_opened_and_logged_first() -> None:
    custody, one = Custody(), round_of()
    file = summed(one)
    [sums] = one.mask_sums(updates_of(one, file.read()))
    file.seek(0)
    assert (opened(custody, one, file) == sums.words(0, one.shape.slots(0))).all()
    [entry] = [one for one in custody.events() if isinstance(one, RoundOpened)]
    assert entry.sites == (site(0), site(1), site(2))
    assert (entry.seal, entry.roster) == (one.seal.digest, one.roster.digest)


def test_a_lost_answer_is_given_again_and_logged_once() -> None:
    custody, one = Custody(), round_of()
    file = summed(one)
    first = opened(custody, one, file)
    file.seek(0)
    again = opened(custody, one, file)
    custody.party = custody.opened()
    file.seek(0)
    assert (first == again).all()
    assert (first == opened(custody, one, file)).all()
    assert custody.kinds().count("round-opened") == 1


@pytest.mark.parametrize("sites", [(0, 1), (0, 2), (1, 2)])
def test_a_second_sum_that_differs_by_one_site_is_refused(sites: tuple[int, ...]) -> None:
    custody, one = Custody(), round_of()
    opened(custody, one, summed(one))
    for _ in range(2):
        with pytest.raises(CustodyRefused, match="Round 3 was opened, with another sum or roster"):
            opened(custody, one, summed(one, sites))
    refused = [one for one in custody.events() if isinstance(one, OpeningRefused)]
    assert [one.cause for one in refused] == ["custody-refused"]


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_second_roster_that_differs_by_one_site_is_refused(attempt: int) -> None:
    custody, one, other = Custody(), round_of(), round_of(sites=2, attempt=attempt)
    opened(custody, one, summed(one))
    with pytest.raises(CustodyRefused, match="was opened"):
        opened(custody, other, summed(other, (0, 1)))
    assert "opening-refused" in custody.kinds()


def test_another_attempt_with_the_same_sites_is_refused_once_one_was_opened() -> None:
    custody, one, again = Custody(), round_of(), round_of(attempt=2)
    opened(custody, one, summed(one))
    with pytest.raises(CustodyRefused, match="was opened"):
        opened(custody, again, summed(again))


def test_a_roster_of_one_is_refused() -> None:
    custody = Custody()
    alone = round_of(sites=1, quorum=1)
    with pytest.raises(SumIncomplete, match="quorum of 1 is below the study's 2"):
        opened(custody, alone, summed(alone, (0,)))
    few = round_of()
    data = written_total(few.seal, [b"\0" * few.shape.payload_bytes(0)], ())
    with pytest.raises(SumIncomplete, match="0 sites are below"):
        opened(custody, few, io.BytesIO(data))
    with pytest.raises(SumIncomplete, match="1 sites are below"):
        opened(custody, few, summed(few, (0,)))
    assert "round-opened" not in custody.kinds()


def test_no_owner_can_agree_to_a_roster_of_one() -> None:
    with pytest.raises(SecurefedError, match="quorum"):
        Custody(quorum=1)


def test_an_unknown_signer_is_refused() -> None:
    """One real site among made-up ones would be alone in the sum."""
    strangers = tuple(
        Contributor(site=site(number), key=signer(number + 50 * (number > 0)).key, weight=1)
        for number in range(3)
    )
    one = play(Roster(contributors=strangers), Suite.MASK, quorum=2, parameters=100)
    with pytest.raises(SumIncomplete, match="site-0001 is no site of readmission"):
        opened(Custody(), one, io.BytesIO(b""))
    more = round_of(sites=4)
    with pytest.raises(SumIncomplete, match="site-0003 is no site"):
        opened(Custody(), more, summed(more))


def test_an_incomplete_manifest_is_refused() -> None:
    custody, one = Custody(), round_of()
    data = bytearray(summed(one).read())
    place = data.rindex(b'"signature":"') + 20
    data[place] = ord("0") if data[place] != ord("0") else ord("1")
    with pytest.raises(SealInvalid, match="signature"):
        opened(custody, one, io.BytesIO(bytes(data)))
    assert custody.kinds()[-1] == "opening-refused"


def test_every_cut_and_every_flip_is_refused_and_opens_nothing() -> None:
    custody, one = Custody(), round_of()
    data = summed(one).read()
    for place in range(0, len(data), len(data) // 40):
        flipped = bytearray(data)
        flipped[place] ^= 1
        for wrong in (bytes(flipped), data[:place]):
            with pytest.raises(SecurefedError):
                opened(custody, one, io.BytesIO(wrong))
    assert "round-opened" not in custody.kinds()
    assert custody.kinds().count("opening-refused") <= 4
    opened(custody, one, io.BytesIO(data))


def test_a_sum_by_somebody_else_than_the_coordinator_is_refused() -> None:
    custody, one = Custody(), round_of()
    updates = updates_of(one, summed(one).read())
    header = sum_header(one.seal)
    payload = bytes(one.shape.payload_bytes(0))

    def close(body: Digest) -> SignedSum:
        made = SealedSum(
            seal=one.seal.digest,
            updates=updates,
            chunks=header.chunks,
            chunk_bytes=header.chunk_bytes,
            body=body,
        )
        return SignedSum(sum=made, signature=signer(0).sign(made.signed))

    data = b"".join(written_sum(header, [payload], close))
    with pytest.raises(SealInvalid, match="coordinator's signature"):
        opened(custody, one, io.BytesIO(data))


def test_a_destroyed_key_opens_nothing() -> None:
    custody, one = Custody(), round_of()
    assert custody.party.destroy(STUDY, Line("The study has ended")) == 1
    assert custody.cabinet.kept == {}
    with pytest.raises(CustodyRefused, match="were destroyed"):
        opened(custody, one, summed(one))
    with pytest.raises(CustodyRefused, match="were destroyed"):
        custody.party.rotate(STUDY, 4, START + timedelta(days=60))


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"study": StudyId("other")}, NotFound, "no study other"),
        ({"round": 10}, CustodyRefused, "no round 10"),
        ({"attempt": MOST_ATTEMPTS + 1}, CustodyRefused, "at most 16 attempts"),
        ({"parameters": 10_001}, CustodyRefused, "at most 10000 parameters"),
        ({"roster": Digest("sha256:" + "9" * 64)}, SealForeign, "roster"),
        ({"custodians": (mask_key(7).public,)}, SealForeign, "not sealed for key 1"),
        ({"layout": CANARY_LAYOUT}, SealForeign, "canary"),
    ],
)
def test_what_the_owner_did_not_agree_to_is_refused(
    changes: dict, error: type[SecurefedError], match: str
) -> None:
    custody, one = Custody(), round_of()
    other = replace(one, seal=replace(one.seal, **changes))
    with pytest.raises(error, match=match):
        opened(custody, other, io.BytesIO(b""))


def test_a_suite_that_was_not_allowed_is_refused() -> None:
    """Under `bfv` a lattice custodian would see the sum that `bfv+mask` hides from it."""
    custody = Custody(holds=Holds.LATTICE, suites=(Suite.BFV_MASK,))
    one = round_of(Suite.BFV)
    with pytest.raises(CustodyRefused, match="suite bfv is not allowed"):
        opened(custody, one, io.BytesIO(b""))


@pytest.mark.parametrize(("holds", "suite"), [(Holds.LATTICE, Suite.MASK), (Holds.MASK, Suite.BFV)])
def test_a_custodian_of_the_wrong_kind_agrees_to_no_such_study(holds: Holds, suite: Suite) -> None:
    with pytest.raises(CustodyRefused, match="has no part in"):
        Custody(holds=holds, suites=(suite,))


def test_a_key_that_has_ended_opens_nothing() -> None:
    custody, one = Custody(), round_of()
    custody.clock.time = START + timedelta(days=31)
    with pytest.raises(CustodyRefused, match="ended"):
        opened(custody, one, summed(one))


def test_rounds_belong_to_the_key_that_was_newest_for_them() -> None:
    custody = Custody()
    custody.party.rotate(STUDY, 4, START + timedelta(days=60))
    old, new = round_of(), round_of(round=4)
    opened(custody, old, summed(old))
    with pytest.raises(SealForeign, match="not sealed for key 2"):
        opened(custody, new, io.BytesIO(b""))
    sealed = seal(
        new.roster,
        suite=Suite.MASK,
        quorum=2,
        parameters=100,
        round=4,
        custodians=(mask_key(1).public,),
    )
    rotated = Play(seal=sealed, roster=new.roster, mask_keys=(mask_key(1),))
    assert opened(custody, rotated, summed(rotated)).size


class Crash(Exception):
    """The process ends here."""


class DiesAfterCommit(MemoryLedger):
    """A store after whose commit the process is gone."""

    dies = False

    @contextmanager
    def exclusive(self) -> Iterator[MemoryWriter]:
        with super().exclusive() as writer:
            yield writer
        if self.dies:
            raise Crash


def test_a_crash_between_the_entry_and_the_answer_loses_no_round() -> None:
    store = DiesAfterCommit()
    custody, one = Custody(store=store), round_of()
    file, store.dies = summed(one), True
    with pytest.raises(Crash):
        opened(custody, one, file)
    store.dies = False
    custody.party = custody.opened()
    with pytest.raises(CustodyRefused, match="was opened"):
        opened(custody, one, summed(one, (0, 1)))
    file.seek(0)
    assert opened(custody, one, file).size
    assert custody.kinds().count("round-opened") == 1


class FullDisk(MemoryLedger):
    """A store whose transactions cannot be made durable while the disk is full."""

    full = False

    @contextmanager
    def exclusive(self) -> Iterator[MemoryWriter]:
        with super().exclusive() as writer:
            yield writer
            if self.full:
                raise StorageFailed("The disk is full")


def test_what_cannot_be_logged_is_not_opened() -> None:
    store = FullDisk()
    custody, one = Custody(store=store), round_of()
    store.full = True
    with pytest.raises(StorageFailed):
        opened(custody, one, summed(one))
    store.full = False
    assert "round-opened" not in custody.kinds()


def test_of_two_sums_at_once_exactly_one_is_opened() -> None:
    custody, one = Custody(), round_of()
    files = [summed(one), summed(one, (0, 1))]
    parties, start = [custody.opened(), custody.opened()], Barrier(2)
    found: list[object] = []

    def ask(number: int) -> None:
        start.wait()
        try:
            found.append(list(parties[number].open(one.seal, one.roster, files[number])))
        except CustodyRefused as error:
            found.append(error)

    threads = [Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, list) for one in found) == 1
    assert sum(isinstance(one, CustodyRefused) for one in found) == 1
    custody.party = custody.opened()
    assert custody.kinds().count("round-opened") == 1


def spoiled(one: Play) -> io.BytesIO:
    """A complete sum whose body is no encryption under the study's key."""
    chances = np.random.default_rng(1)
    payload = chances.integers(0, 1 << 59, one.shape.chunk_bytes // 8, dtype=np.uint64).tobytes()
    updates = updates_of(one, summed(one).read())
    return io.BytesIO(written_total(one.seal, [payload] * one.shape.chunks, updates))


def test_a_sum_that_does_not_open_is_logged_and_another_attempt_may_follow() -> None:
    custody = Custody(holds=Holds.LATTICE, suites=(Suite.BFV_MASK,))
    one, again = round_of(Suite.BFV_MASK), round_of(Suite.BFV_MASK, attempt=2)
    with pytest.raises(SealInvalid, match="full of noise"):
        opened(custody, one, spoiled(one))
    [failed] = [one for one in custody.events() if isinstance(one, OpeningFailed)]
    assert failed.cause == "seal-invalid"
    with pytest.raises(CustodyRefused, match="did not open"):
        opened(custody, one, spoiled(one))
    assert opened(custody, again, summed(again)).size
    third = round_of(Suite.BFV_MASK, attempt=3)
    with pytest.raises(CustodyRefused, match="was opened"):
        opened(custody, third, summed(third))


def canary_of(one: Play, first: int = 60) -> Play:
    """A canary of made-up sites for a round."""
    made_up = Roster(
        contributors=tuple(
            Contributor(site=site(number), key=signer(number).key, weight=1)
            for number in range(first, first + 2)
        )
    )
    return replace(one, seal=canary_seal(one.seal, made_up), roster=made_up)


def proved(custody: Custody, canary: Play, file: io.BytesIO, expected: Digest) -> bool:
    return custody.party.prove(canary.seal, canary.roster, file, expected)


WRONG = Digest("sha256:" + "7" * 64)


def canary_sum(canary: Play, first: int = 60) -> tuple[io.BytesIO, Digest]:
    updates = []
    for number in (first, first + 1):
        own = new_mask_key().public
        header = update_header(canary.seal, site(number), own)
        updates.append(closing(number, header)(Digest("sha256:" + "4" * 64)))
    payload = bytes(canary.shape.payload_bytes(0))
    data = written_total(canary.seal, [payload], tuple(updates))
    [sums] = canary.mask_sums(updates)
    words = [sums.words(0, canary.shape.slots(0))]
    return io.BytesIO(data), canary_digest(words, canary.shape.packing)


def test_a_canary_is_answered_with_yes_or_no_and_opens_no_round() -> None:
    custody, one = Custody(), round_of()
    canary = canary_of(one)
    file, expected = canary_sum(canary)
    assert proved(custody, canary, file, expected)
    file.seek(0)
    assert proved(custody, canary, file, expected)
    assert custody.kinds().count("canary-tried") == 1
    assert opened(custody, one, summed(one)).size


def test_a_canary_is_tried_once_an_attempt_so_that_nobody_can_guess() -> None:
    custody, canary = Custody(), canary_of(round_of())
    file, expected = canary_sum(canary)
    assert not proved(custody, canary, file, WRONG)
    file.seek(0)
    with pytest.raises(CustodyRefused, match="another canary"):
        proved(custody, canary, file, expected)


def test_no_update_of_a_site_is_opened_as_a_canary() -> None:
    custody, one = Custody(), round_of()
    with pytest.raises(SealForeign, match="no canary"):
        proved(custody, one, summed(one), WRONG)
    real = canary_of(one, first=0)
    with pytest.raises(SealForeign, match="is a site of readmission"):
        proved(custody, real, io.BytesIO(b""), WRONG)
    with pytest.raises(SealForeign, match="canary and no round"):
        opened(custody, canary_of(one), io.BytesIO(b""))
