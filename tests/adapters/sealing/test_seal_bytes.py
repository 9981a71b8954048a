"""SEAL's stored form: ours is what SEAL itself writes, but for its compression."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tenseal.sealapi as sealapi

from securefed.adapters.tenseal_sealing import seal_bytes
from securefed.adapters.tenseal_sealing.bfv import BfvOpener, BfvSealer
from securefed.adapters.tenseal_sealing.parameters import (
    ciphertext_id,
    context_for,
    key_id,
    library,
)
from securefed.adapters.tenseal_sealing.ram_file import RamFile
from securefed.adapters.tenseal_sealing.seal_bytes import (
    ciphertext_bytes,
    ciphertext_words,
    plaintext_bytes,
    plaintext_words,
)
from securefed.aggregation.fields import DEGREE, packing_for
from securefed.aggregation.shape import Shape
from securefed.domain.study import Suite
from securefed.errors import SealingFailed
from tests.adapters.sealing.parties import opening_key, words_of

SHAPE = Shape(suite=Suite.BFV, packing=packing_for(Suite.BFV, 12, 10), parameters=3 * DEGREE)
CONTEXT = context_for(SHAPE.packing.modulus_bits)


def content(stored: bytes) -> bytes:
    """What is behind a header, uncompressed."""
    return stored[16:] if stored[5] == 0 else seal_bytes._content(stored)


def test_a_ciphertext_is_stored_as_seal_stores_it() -> None:
    sealer = BfvSealer(opening_key().public, SHAPE)
    lattice = sealer._lattice
    ciphertext = lattice.loaded(sealer.seal(0, words_of(SHAPE, 0, 1)))
    stored = lattice.file.taken(ciphertext.save)
    words = ciphertext_words(stored, primes=1, degree=DEGREE)
    ours = ciphertext_bytes(ciphertext_id(CONTEXT), words, degree=DEGREE, ntt=False)
    assert content(ours) == content(stored)


def test_keys_are_stored_as_seal_stores_them() -> None:
    key = opening_key()
    with RamFile() as file:
        public = file.taken(key.public.loaded(CONTEXT).save)
        secret = file.taken(key.loaded(CONTEXT).save)
    words = ciphertext_words(public, primes=2, degree=DEGREE)
    assert content(public) == content(
        ciphertext_bytes(key_id(CONTEXT), words, degree=DEGREE, ntt=True)
    )
    kept = plaintext_words(secret, most=2 * DEGREE)
    assert content(secret) == content(plaintext_bytes(key_id(CONTEXT), kept))


@pytest.mark.parametrize("size", [1, 2, DEGREE])
def test_a_plaintext_is_stored_as_seal_stores_it(size: int) -> None:
    words = words_of(SHAPE, 0, 2)[:size] | np.uint64(1)
    plain = sealapi.Plaintext()
    with RamFile() as file:
        ours = plaintext_bytes(bytes(32), words)
        file.put(ours, lambda path: plain.load(CONTEXT, path))
        stored = file.taken(plain.save)
    assert content(stored) == content(ours)
    assert (plaintext_words(stored, most=DEGREE) == words).all()
    with pytest.raises(SealingFailed, match="another number of coefficients"):
        plaintext_words(stored, most=size - 1)


@pytest.mark.parametrize(
    ("place", "reason"), [(0, "version of SEAL"), (3, "version"), (4, "version"), (5, "zstd")]
)
def test_another_form_than_seals_is_refused(place: int, reason: str) -> None:
    plain = sealapi.Plaintext(DEGREE)
    with RamFile() as file:
        stored = bytearray(file.taken(plain.save))
    stored[place] ^= 1
    with pytest.raises(SealingFailed, match=reason):
        plaintext_words(bytes(stored), most=DEGREE)


def test_what_the_library_raises_is_ours() -> None:
    with pytest.raises(SealingFailed, match="SEAL refused"), library():
        sealapi.Plaintext().load(CONTEXT, "/there/is/no/such/file")


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_file_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, in_memory: bool) -> None:
    if not in_memory:
        monkeypatch.delattr("os.memfd_create")
    words = np.arange(1, 5, dtype=np.uint64)
    plain = sealapi.Plaintext()
    file = RamFile()
    place, descriptor = Path(file._path), file._descriptor
    file.put(plaintext_bytes(bytes(32), words), lambda path: plain.load(CONTEXT, path))
    assert (plaintext_words(file.taken(plain.save), most=4) == words).all()
    assert place.exists()
    del file
    assert not place.exists()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_file_on_disk_is_private_to_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.memfd_create")
    with RamFile() as file:
        place = Path(file._path)
        assert place.stat().st_mode & 0o077 == 0
        assert place.parent.stat().st_mode & 0o077 == 0
    assert not place.parent.exists()


def test_threads_with_one_sealer_and_opener_do_not_mix_their_words() -> None:
    sealer, opener = BfvSealer(opening_key().public, SHAPE), BfvOpener(opening_key(), SHAPE)

    def right(seed: int) -> bool:
        words = words_of(SHAPE, 0, seed)
        return bool((opener.open(0, sealer.seal(0, words)) == words).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(right, range(64)))
