"""Masks: both ends derive the same, nobody else does, nothing is used twice, and sums cancel."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters.masking.exchange import (
    MaskKey,
    custodian_masks,
    new_mask_key,
    site_masks,
)
from securefed.adapters.masking.stream import SecureChances, WordStream
from securefed.aggregation.fields import packing_for
from securefed.aggregation.masked import MaskedSealer, SummedMasks, unmasked
from securefed.aggregation.packing import modulus_mask
from securefed.aggregation.plain_words import PlainWords
from securefed.aggregation.sealed_file import update_header, update_of
from securefed.aggregation.shape import MASK_SLOTS, Shape, shape_of
from securefed.domain.study import Suite
from securefed.domain.update import Seal, SealedUpdate
from securefed.errors import KeyUnsafe, SealForeign
from tests.adapters.sealing.parties import mask_key
from tests.aggregation.round_of_sites import roster, seal, site

ROSTER = roster(3)
SEAL = seal(ROSTER, custodians=(mask_key(0).public, mask_key(1).public))
SHAPE = shape_of(SEAL)


def update(wanted: Seal, number: int, own: MaskKey) -> SealedUpdate:
    return update_of(update_header(wanted, site(number), own.public), ROSTER.digest, 0)


def test_site_and_custodian_derive_the_same_masks() -> None:
    own = new_mask_key()
    theirs = site_masks(own, SEAL, site(0), SHAPE)
    for number, stream in enumerate(theirs):
        ours = custodian_masks(mask_key(number), SEAL, update(SEAL, 0, own), SHAPE)
        assert (ours.words(0, 100) == stream.words(0, 100)).all()
    assert (theirs[0].words(0, 100) != theirs[1].words(0, 100)).all()


def test_a_mask_is_for_one_seal_site_and_key_only() -> None:
    own, custodian = new_mask_key(), mask_key(0)
    right = custodian_masks(custodian, SEAL, update(SEAL, 0, own), SHAPE).words(0, 100)
    other_round = replace(SEAL, attempt=2)
    others = [
        custodian_masks(custodian, other_round, update(other_round, 0, own), SHAPE),
        custodian_masks(custodian, SEAL, update(SEAL, 1, own), SHAPE),
        custodian_masks(custodian, SEAL, update(SEAL, 0, new_mask_key()), SHAPE),
    ]
    for stream in others:
        assert (stream.words(0, 100) != right).all()


def test_a_custodian_makes_no_masks_for_a_round_that_is_not_its_own() -> None:
    own = new_mask_key()
    with pytest.raises(SealForeign, match="sealed for other custodians"):
        custodian_masks(new_mask_key(), SEAL, update(SEAL, 0, own), SHAPE)
    with pytest.raises(SealForeign, match="no masks for this round"):
        custodian_masks(mask_key(0), replace(SEAL, round=4), update(SEAL, 0, own), SHAPE)
    bare = replace(update(SEAL, 0, own), once=None)
    with pytest.raises(SealForeign, match="no masks for this round"):
        custodian_masks(mask_key(0), SEAL, bare, SHAPE)


@given(st.integers(0, 2 * MASK_SLOTS - 2), st.integers(1, 20))
def test_any_chunk_of_a_stream_is_made_on_its_own(place: int, count: int) -> None:
    place -= place % 2
    whole = WordStream(b"k" * 32, MASK_SLOTS).words(0, 2 * MASK_SLOTS + 20)
    found = WordStream(b"k" * 32, 2).words(place // 2, count)
    assert (found == whole[place : place + count]).all()


def test_a_stream_is_aes_in_counter_mode() -> None:
    # AES-256 of a zero block under a zero key.
    expected = np.frombuffer(bytes.fromhex("dc95c078a2408989ad48a21492842087"), "<u8")
    assert (WordStream(bytes(32), 4).words(0, 2) == expected).all()


@settings(max_examples=30)
@given(
    st.sampled_from([Suite.MASK, Suite.BFV_MASK]),
    st.sampled_from([1, 2, 10]),
    st.integers(1, 3),
    st.integers(0, 2**32),
)
def test_the_masks_of_those_who_stayed_cancel_exactly(
    suite: Suite, sites: int, custodians: int, seed: int
) -> None:
    packing = packing_for(suite, 12, 10)
    shape = Shape(suite=Suite.MASK, packing=packing, parameters=20)
    generator = np.random.default_rng(seed)
    plain, total = PlainWords(shape), np.zeros(shape.slots(0), np.uint64)
    expected = total.copy()
    streams = [
        [WordStream(generator.bytes(32), MASK_SLOTS) for _ in range(custodians)]
        for _ in range(sites)
    ]
    for own in streams:
        words = generator.integers(0, 2**64, total.size, dtype=np.uint64) & modulus_mask(packing)
        masked = plain.open(0, MaskedSealer(plain, own, packing).seal(0, words))
        assert (masked <= modulus_mask(packing)).all()
        total += masked
        expected += words
    sums = [
        SummedMasks([own[number] for own in streams]).words(0, total.size)
        for number in range(custodians)
    ]
    opened = unmasked(total, sums, packing)
    assert (opened == expected & modulus_mask(packing)).all()
    # One custodian's sum missing, or one site's masks, and nothing can be read.
    assert (unmasked(total, sums[1:], packing) != opened).any()


def test_words_are_left_as_they_were_by_sealing_and_opening() -> None:
    words = np.arange(SHAPE.slots(0), dtype=np.uint64)
    kept = words.copy()
    stream = WordStream(bytes(32), MASK_SLOTS)
    MaskedSealer(PlainWords(SHAPE), [stream], SHAPE.packing).seal(0, words)
    unmasked(words, [stream.words(0, words.size)], SHAPE.packing)
    assert (words == kept).all()


def test_a_private_key_comes_back_from_its_file_and_shows_itself_to_nobody() -> None:
    key = new_mask_key()
    assert MaskKey.from_secret_bytes(key.secret_bytes()).public == key.public
    assert repr(key) == f"MaskKey({key.public})"
    with pytest.raises(KeyUnsafe, match="has 32 bytes, not 31"):
        MaskKey.from_secret_bytes(bytes(31))
    for secret in (key, WordStream(bytes(32), 2), SecureChances()):
        with pytest.raises(TypeError, match="neither copied nor pickled"):
            pickle.dumps(secret)
        with pytest.raises(TypeError, match="neither copied nor pickled"):
            copy.copy(secret)


def test_chance_goes_on_and_is_never_the_same() -> None:
    chances, other = SecureChances(), SecureChances()
    drawn = [chances(1000), chances(1000), other(1000)]
    assert len({one.tobytes() for one in drawn}) == 3
    assert chances(0).size == 0
    large = chances(1 << 18)
    # Each of 32 bits is set in half of the words, to six standard deviations.
    bits = np.unpackbits(large.view(np.uint8)).reshape(-1, 32).sum(axis=0, dtype=np.int64)
    assert np.abs(bits - (1 << 17)).max() < 6 * 256
