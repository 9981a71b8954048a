"""The key ceremony: made, published, rotated, destroyed; and what one custodian alone learns."""

import io
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from securefed.adapters.ed25519_keys import verify
from securefed.adapters.masking.exchange import custodian_masks
from securefed.adapters.tenseal_sealing.bfv import BfvOpener
from securefed.adapters.tenseal_sealing.keys import new_opening_key
from securefed.aggregation.chunks import Words
from securefed.aggregation.masked import unmasked
from securefed.aggregation.sealed_file import check_update
from securefed.aggregation.values import PackedUpdate, site_scaling
from securefed.domain.custody import StudyKeysDestroyed
from securefed.domain.identifiers import Digest, Line
from securefed.domain.key_card import Holds
from securefed.domain.study import Suite
from securefed.errors import (
    AlreadyExists,
    CustodyRefused,
    KeyUnsafe,
    SealForeign,
    SealInvalid,
    SumIncomplete,
)
from securefed.parties.custodian import NewKey
from tests.adapters.sealing.parties import Play, mask_key, written_total
from tests.adapters.sealing.test_collusion import first_chunk, looks_uniform
from tests.aggregation.round_of_sites import normals, privatized, site
from tests.custody import SITES, START, STUDY, Custody, round_of, summed

LATER = START + timedelta(days=60)


def test_a_card_is_published_with_the_custodians_signature() -> None:
    custody = Custody()
    [made] = custody.party.study(STUDY).cards
    card = made.check(custody.signer.key, verify)
    assert (card.number, card.first_round, card.mask) == (1, 1, mask_key(0).public)


def test_a_study_is_registered_once_and_an_orphaned_key_is_removed() -> None:
    custody = Custody()
    with pytest.raises(AlreadyExists):
        custody.party.register_study(custody.registration(), LATER)
    assert len(custody.cabinet.kept) == 1
    custody.party.destroy(STUDY, Line("It has ended"))
    with pytest.raises(AlreadyExists):
        custody.party.register_study(custody.registration(), LATER)
    assert custody.cabinet.kept == {}


def test_keys_rotate_forward_only() -> None:
    custody, one = Custody(), round_of()
    list(custody.party.open(one.seal, one.roster, summed(one)))
    with pytest.raises(CustodyRefused, match="Round 3 has its key already"):
        custody.party.rotate(STUDY, 3, LATER)
    made = custody.party.rotate(STUDY, 4, LATER)
    assert (made.card.number, made.card.mask) == (2, mask_key(2).public)
    assert len(custody.cabinet.kept) == 2


def test_a_crash_within_the_end_of_a_study_is_finished_at_the_next_start() -> None:
    custody = Custody()
    custody.party.log.record(StudyKeysDestroyed(study=STUDY, reason=Line("It has ended")))
    assert custody.cabinet.kept
    custody.opened().check()
    assert custody.cabinet.kept == {}


def test_a_custodian_without_its_key_does_not_start() -> None:
    custody = Custody()
    custody.cabinet.kept.clear()
    with pytest.raises(KeyUnsafe):
        custody.opened().check()


def test_a_new_key_shows_no_secret() -> None:
    key = NewKey(holds=Digest("sha256:" + "1" * 64), secret=b"hidden", public=b"")
    assert "hidden" not in repr(key)


# --- dual custody: each of these is a coalition of the coordinator and one custodian --------------


@pytest.fixture(scope="module")
def one() -> Play:
    return round_of(Suite.BFV_MASK, parameters=9000)


@pytest.fixture(scope="module")
def files(one: Play) -> list[bytes]:
    return [one.sealed(number, normals(number, 9000), None) for number in range(SITES)]


def true_words(one: Play, number: int) -> Words:
    values = normals(number, 9000)
    update = privatized(values)
    scaling = site_scaling(update, one.seal, one.roster, site(number))
    return next(PackedUpdate(update, values, one.seal, scaling, None).words())


def whole_words(one: Play) -> Words:
    words = [true_words(one, number) for number in range(SITES)]
    return np.sum(words, axis=0, dtype=np.uint64)


def asked(one: Play, holds: Holds, files: list[bytes]) -> list[Words]:
    """What a custodian gives out for the sum of just these files."""
    custody = Custody(holds=holds, suites=(Suite.BFV_MASK,))
    return list(custody.party.open(one.seal, one.roster, io.BytesIO(one.summed(files))))


def agreeing(found: Words, wanted: Words) -> int:
    """In how many words what was found is what was wanted."""
    return int(np.count_nonzero(found == wanted))


def test_a_lattice_custodian_alone_learns_nothing_of_the_sum(one: Play, files: list[bytes]) -> None:
    words = asked(one, Holds.LATTICE, files)
    whole = whole_words(one)
    assert looks_uniform(one, words[0])
    assert agreeing(words[0], whole) < 3
    assert not looks_uniform(one, whole)


def test_coordinator_and_lattice_custodian_open_no_update(one: Play, files: list[bytes]) -> None:
    """They have every file, the lattice key, and what the other custodian gives out: the sum."""
    [sums, *_] = asked(one, Holds.MASK, files)
    for number in range(SITES):
        _, payload = first_chunk(one, files[number])
        words = one.opener().open(0, payload)
        assert agreeing(words, true_words(one, number)) < 3
        guess = unmasked(words, [sums], one.shape.packing)
        assert looks_uniform(one, guess)
        assert agreeing(guess, true_words(one, number)) < 3


def test_coordinator_and_mask_custodian_open_no_update(one: Play, files: list[bytes]) -> None:
    """They have every file and mask, and what the other custodian gives out: the masked sum."""
    [total, *_] = asked(one, Holds.LATTICE, files)
    own = mask_key(0)
    updates = [first_chunk(one, data)[0].signed.update for data in files]
    streams = [custodian_masks(own, one.seal, each, one.shape) for each in updates]
    masks = [stream.words(0, one.shape.slots(0)) for stream in streams]
    with pytest.raises(SealInvalid, match="under another key"):
        BfvOpener(new_opening_key(), one.shape).open(0, first_chunk(one, files[0])[1])
    for number, mask in enumerate(masks):
        wanted = true_words(one, number)
        coefficients = np.frombuffer(first_chunk(one, files[number])[1], "<u8")[: wanted.size]
        for guess in (
            unmasked(total, [mask], one.shape.packing),
            unmasked(coefficients, [mask], one.shape.packing),
        ):
            assert agreeing(guess, wanted) < 3
            assert looks_uniform(one, guess)


def test_the_coalition_is_right_about_the_sum_which_shows_that_the_test_can_tell(
    one: Play, files: list[bytes]
) -> None:
    """The same steps with both custodians' answers do open the sum."""
    [total, *_] = asked(one, Holds.LATTICE, files)
    [sums, *_] = asked(one, Holds.MASK, files)
    whole = whole_words(one)
    assert agreeing(unmasked(total, [sums], one.shape.packing), whole) == whole.size


def test_one_update_in_a_sums_place_stays_masked(one: Play, files: list[bytes]) -> None:
    """The coordinator signs one site's ciphertexts as if they were the sum of all."""
    file = io.BytesIO(files[0])
    checked = check_update(file, one.seal, one.roster, verify, one.adder().check)
    payloads = [payload for _, payload in checked.chunks(file)]
    signed = tuple(first_chunk(one, data)[0].signed for data in files)
    false = io.BytesIO(written_total(one.seal, payloads, signed))
    lattice = Custody(holds=Holds.LATTICE, suites=(Suite.BFV_MASK,))
    [words, *_] = lattice.party.open(one.seal, one.roster, false)
    false.seek(0)
    masks = Custody(holds=Holds.MASK, suites=(Suite.BFV_MASK,))
    [sums, *_] = masks.party.open(one.seal, one.roster, false)
    guess = unmasked(words, [sums], one.shape.packing)
    assert looks_uniform(one, guess)
    assert agreeing(guess, true_words(one, 0)) < 3


def test_masks_of_a_part_of_the_manifest_are_not_given_out(one: Play) -> None:
    masks = Custody(holds=Holds.MASK, suites=(Suite.BFV_MASK,))
    with pytest.raises(SumIncomplete):
        masks.party.open(one.seal, one.roster, summed(one, (0,)))
    other = replace(one, seal=replace(one.seal, custodians=(mask_key(5).public,)))
    with pytest.raises(SealForeign):
        masks.party.open(other.seal, other.roster, summed(one))
