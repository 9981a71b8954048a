"""Every input that TenSEAL's own reader takes silently, and each is refused by name here.

The list is that of the measured failures: empty bytes, flipped bytes, another key, forged sizes,
values above the modulus, sums above it, more values than slots, sums that cancel.
"""

import copy
import io
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters.ed25519_keys import verify
from securefed.adapters.tenseal_sealing.adding import BfvAdder
from securefed.adapters.tenseal_sealing.bfv import BfvOpener, BfvSealer
from securefed.adapters.tenseal_sealing.coefficients import from_payload, to_payload
from securefed.adapters.tenseal_sealing.keys import EncryptionKey, OpeningKey, new_opening_key
from securefed.aggregation.fields import CIPHER_PRIME, DEGREE, packing_for
from securefed.aggregation.packing import unpack
from securefed.aggregation.sealed_file import check_update
from securefed.aggregation.shape import CIPHERTEXT_BYTES, Shape
from securefed.domain.study import Suite
from securefed.errors import KeyUnsafe, SealForeign, SealInvalid
from tests.adapters.sealing.parties import Play, opening_key, play, words_of
from tests.aggregation.round_of_sites import normals, roster

SHAPE = Shape(suite=Suite.BFV, packing=packing_for(Suite.BFV, 12, 10), parameters=3 * DEGREE)
PRIME = np.uint64(CIPHER_PRIME)
WORDS = words_of(SHAPE, 0, 1)


@pytest.fixture(scope="module")
def sealer() -> BfvSealer:
    return BfvSealer(opening_key().public, SHAPE)


@pytest.fixture(scope="module")
def opener() -> BfvOpener:
    return BfvOpener(opening_key(), SHAPE)


@pytest.fixture(scope="module")
def payload(sealer: BfvSealer) -> bytes:
    return sealer.seal(0, WORDS)


@pytest.mark.parametrize(
    "wrong",
    [b"", b"garbage", bytes(CIPHERTEXT_BYTES - 1), bytes(CIPHERTEXT_BYTES + 1), bytes(1 << 20)],
    ids=["empty", "garbage", "cut", "longer", "much longer"],
)
def test_bytes_of_another_length_never_reach_the_library(wrong: bytes, opener: BfvOpener) -> None:
    with pytest.raises(SealInvalid, match="A ciphertext has 61440 bytes"):
        opener.open(0, wrong)


def test_the_librarys_own_stored_form_is_no_payload(sealer: BfvSealer, opener: BfvOpener) -> None:
    ciphertext = opener._lattice.loaded(sealer.seal(0, WORDS))
    stored = opener._lattice.file.taken(ciphertext.save)
    with pytest.raises(SealInvalid, match="A ciphertext has 61440 bytes"):
        opener.open(0, stored)


def test_a_sum_under_another_key_is_refused(payload: bytes) -> None:
    other = BfvOpener(new_opening_key(), SHAPE)
    with pytest.raises(SealInvalid, match="under another key, or full of noise"):
        other.open(0, payload)


def test_a_sum_of_two_keys_is_refused(payload: bytes, opener: BfvOpener) -> None:
    adder = BfvAdder(SHAPE)
    adder.add(0, payload)
    adder.add(0, BfvSealer(new_opening_key().public, SHAPE).seal(0, WORDS))
    with pytest.raises(SealInvalid, match="under another key, or full of noise"):
        opener.open(0, adder.total(0))


def test_a_sum_under_another_plaintext_modulus_is_refused(payload: bytes) -> None:
    # Another precision of the same study, had the seals not been compared before.
    other = replace(SHAPE, packing=packing_for(Suite.BFV, 16, 10), parameters=2 * DEGREE)
    with pytest.raises(SealInvalid, match="under another key, or full of noise"):
        BfvOpener(opening_key(), other).open(0, payload)


@pytest.fixture(scope="module")
def sealed_file() -> tuple[Play, bytes]:
    one = play(roster(2), Suite.BFV, parameters=100)
    return one, one.sealed(0, normals(0, 100), None)


@settings(max_examples=60)
@given(st.integers(0), st.integers(1, 255))
def test_a_flipped_byte_is_refused_by_its_digest(
    sealed_file: tuple[Play, bytes], place: int, flip: int
) -> None:
    # The measure of noise would not tell: a bit of a ciphertext is also a valid change of values.
    one, data = sealed_file
    changed = bytearray(data)
    changed[place % len(data)] ^= flip
    with pytest.raises((SealInvalid, SealForeign)):
        check_update(io.BytesIO(changed), one.seal, one.roster, verify, one.adder().check)


@settings(max_examples=60)
@given(st.integers(0), st.binary(max_size=100), st.integers(0, 100))
def test_no_change_of_a_file_ever_adds_another_update(
    sealed_file: tuple[Play, bytes], place: int, noise: bytes, replaced: int
) -> None:
    one, data = sealed_file
    start = place % len(data)
    changed = data[:start] + noise + data[start + replaced :]
    try:
        total = one.summed([changed])
    except (SealInvalid, SealForeign):
        return
    assert changed == data
    assert (one.opened(total) == one.opened(one.summed([data]))).all()


@settings(max_examples=60)
@given(st.integers(0), st.binary(max_size=100), st.integers(0, 100))
def test_no_change_of_a_sum_ever_opens_to_another(
    sealed_file: tuple[Play, bytes], place: int, noise: bytes, replaced: int
) -> None:
    one, data = sealed_file
    total = one.summed([data])
    start = place % len(total)
    changed = total[:start] + noise + total[start + replaced :]
    try:
        found = one.opened(changed)
    except (SealInvalid, SealForeign):
        return
    assert changed == total
    assert (found == one.opened(total)).all()


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_random_ciphertexts_are_refused(seed: int) -> None:
    # All numbers are large. Small ones open to something: see the lying coordinator in
    # test_key_recovery, and why only signed sums come this far.
    data = np.random.default_rng(seed).bytes(CIPHERTEXT_BYTES)
    opener = BfvOpener(opening_key(), SHAPE)
    with pytest.raises(SealInvalid):
        opener.open(0, data)


@pytest.mark.parametrize("beyond", [0, 1, 2**40])
def test_a_value_above_the_modulus_is_not_sealed(beyond: int, sealer: BfvSealer) -> None:
    words = WORDS.copy()
    words[7] = (1 << SHAPE.packing.modulus_bits) + beyond
    with pytest.raises(SealInvalid, match="larger than its suite allows"):
        sealer.seal(0, words)


@pytest.mark.parametrize("size", [0, 1, DEGREE - 1, DEGREE + 1, 5000])
def test_another_number_of_words_is_not_sealed(size: int, sealer: BfvSealer) -> None:
    with pytest.raises(SealInvalid, match=f"{size} words to seal"):
        sealer.seal(0, np.ones(size, np.uint64))


def test_values_behind_the_end_of_the_last_chunk_are_refused(payload: bytes) -> None:
    shorter = replace(SHAPE, parameters=3 * 100)
    with pytest.raises(SealInvalid, match="values behind its end"):
        BfvOpener(opening_key(), shorter).open(0, payload)


def test_a_sum_above_a_field_is_found_where_it_overflows_its_contributors() -> None:
    packing = SHAPE.packing
    field = (1 << packing.width) - 1
    levels = unpack(np.array([field], np.uint64), packing, 3)
    assert int(levels[0]) > packing.contributors * packing.highest


def test_a_sum_that_cancels_is_refused_and_the_sum_stays(payload: bytes, opener: BfvOpener) -> None:
    adder = BfvAdder(SHAPE)
    adder.add(0, payload)
    words = from_payload(payload)
    opposite = to_payload(np.where(words == 0, words, PRIME - words))
    with pytest.raises(SealInvalid, match=r"cannot be added: .*transparent"):
        adder.add(0, opposite)
    assert (opener.open(0, adder.total(0)) == WORDS).all()


def test_a_plaintext_update_is_refused(payload: bytes, opener: BfvOpener) -> None:
    words = from_payload(payload).copy()
    words[DEGREE:] = 0
    adder = BfvAdder(SHAPE)
    with pytest.raises(SealInvalid, match="not encrypted"):
        adder.check(0, to_payload(words))
    with pytest.raises(SealInvalid, match="not encrypted"):
        adder.add(0, to_payload(words))
    with pytest.raises(SealInvalid, match="not encrypted"):
        opener.open(0, to_payload(words))


def test_nothing_but_the_secret_key_opens(payload: bytes) -> None:
    # A public key in the place of the secret one: what a coordinator has.
    public = opening_key().public.to_bytes()
    for start in (0, len(public) // 2):
        half = OpeningKey.from_secret_bytes(
            public[start : start + len(public) // 2], opening_key().public
        )
        with pytest.raises(SealInvalid, match="under another key, or full of noise"):
            BfvOpener(half, SHAPE).open(0, payload)


# --- keys ----------------------------------------------------------------------------------------


def test_keys_come_back_from_their_bytes(payload: bytes) -> None:
    key = opening_key()
    public = EncryptionKey.from_bytes(key.public.to_bytes())
    assert public.digest == key.public.digest
    again = OpeningKey.from_secret_bytes(key.secret_bytes(), public)
    assert (BfvOpener(again, SHAPE).open(0, payload) == WORDS).all()
    assert new_opening_key().public.digest != key.public.digest


def changed_key(place: int, value: int) -> bytes:
    words = np.frombuffer(opening_key().public.to_bytes(), np.uint64).copy()
    words[place] = value
    return words.tobytes()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "has 131072 bytes, not 0"),
        (bytes(131071), "not 131071"),
        (bytes(131072), "polynomial that is zero"),
        (changed_key(0, CIPHER_PRIME), "beyond its modulus"),
        (changed_key(DEGREE, 0x1FFFFFFFCE001), "beyond its modulus"),
        (changed_key(4 * DEGREE - 1, 2**64 - 1), "beyond its modulus"),
    ],
    ids=["empty", "cut", "zero", "first prime", "special prime", "last"],
)
def test_what_is_no_public_key_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(SealInvalid, match=reason):
        EncryptionKey.from_bytes(data)


def test_what_is_no_secret_key_is_refused_without_quoting_it() -> None:
    for data in (b"", bytes(65536), b"\xff" * 65536):
        with pytest.raises(KeyUnsafe) as caught:
            OpeningKey.from_secret_bytes(data, opening_key().public)
        assert "255" not in str(caught.value)


def test_a_secret_key_shows_itself_to_nobody() -> None:
    key = opening_key()
    assert repr(key) == f"OpeningKey({key.public.digest.short()})"
    with pytest.raises(TypeError, match="neither copied nor pickled"):
        pickle.dumps(key)
    with pytest.raises(TypeError, match="neither copied nor pickled"):
        copy.copy(key)
