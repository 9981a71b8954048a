"""Ciphertexts as bytes: every pair of polynomials has one form, and nothing else is read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters.tenseal_sealing.coefficients import from_payload, to_payload
from securefed.aggregation.fields import CIPHER_PRIME, DEGREE
from securefed.aggregation.shape import CIPHERTEXT_BYTES
from securefed.errors import SealInvalid


def coefficients(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, CIPHER_PRIME, 2 * DEGREE, dtype=np.uint64)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(0, 2 * DEGREE - 1), st.integers(0, CIPHER_PRIME - 1))
def test_coefficients_come_back_from_their_bytes(seed: int, place: int, value: int) -> None:
    words = coefficients(seed)
    words[place] = value
    payload = to_payload(words)
    assert len(payload) == CIPHERTEXT_BYTES
    assert (from_payload(payload) == words).all()


def test_each_coefficient_takes_sixty_bits_of_its_own() -> None:
    words = coefficients(1)
    payload = to_payload(words)
    for place in (0, 511, 512, DEGREE, 2 * DEGREE - 512, 2 * DEGREE - 1):
        changed = words.copy()
        changed[place] ^= np.uint64(1)
        difference = np.frombuffer(payload, np.uint8) ^ np.frombuffer(to_payload(changed), np.uint8)
        assert np.unpackbits(difference).sum() == 1


@settings(max_examples=30)
@given(st.binary(max_size=64), st.integers(0, CIPHERTEXT_BYTES - 64))
def test_what_is_read_is_written_the_same(noise: bytes, place: int) -> None:
    payload = to_payload(coefficients(2))
    changed = payload[:place] + noise + payload[place + len(noise) :]
    try:
        words = from_payload(changed)
    except SealInvalid:
        return
    assert int(words.max()) < CIPHER_PRIME
    assert to_payload(words) == changed


@pytest.mark.parametrize("length", [0, 1, CIPHERTEXT_BYTES - 1, CIPHERTEXT_BYTES + 1])
def test_another_length_is_refused(length: int) -> None:
    with pytest.raises(SealInvalid, match=f"has 61440 bytes, not {length}"):
        from_payload(bytes(length))


@pytest.mark.parametrize("place", [0, DEGREE - 1, DEGREE, 2 * DEGREE - 1])
@pytest.mark.parametrize("value", [CIPHER_PRIME, CIPHER_PRIME + 1, 2**60 - 1])
def test_a_coefficient_beyond_the_modulus_is_refused(place: int, value: int) -> None:
    words = coefficients(3)
    words[place] = value
    with pytest.raises(SealInvalid, match="beyond its modulus"):
        from_payload(to_payload(words))


def test_a_plaintext_dressed_as_a_ciphertext_is_refused() -> None:
    words = coefficients(4)
    words[DEGREE:] = 0
    with pytest.raises(SealInvalid, match="not encrypted"):
        from_payload(to_payload(words))
    with pytest.raises(SealInvalid, match="not encrypted"):
        from_payload(bytes(CIPHERTEXT_BYTES))
