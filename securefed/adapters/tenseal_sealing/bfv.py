"""The suite `bfv`, chunk by chunk: encrypting at a site, opening at a custodian.

One chunk is one ciphertext. What SEAL is given was checked number by number before; what it gives
is taken only where its own measure of noise leaves a bit to spare, so that a sum under another key,
or one that somebody spoiled with noise, is refused and never opens to something wrong. SEAL holds
Python's lock, so threads gain nothing, and processes do. Adding needs no key: see `adding`.
"""

import numpy as np
import tenseal.sealapi as seal

from securefed.adapters.tenseal_sealing.coefficients import from_payload, to_payload
from securefed.adapters.tenseal_sealing.keys import EncryptionKey, OpeningKey
from securefed.adapters.tenseal_sealing.parameters import ciphertext_id, context_for, library
from securefed.adapters.tenseal_sealing.ram_file import RamFile
from securefed.adapters.tenseal_sealing.seal_bytes import (
    ciphertext_bytes,
    ciphertext_words,
    plaintext_bytes,
    plaintext_words,
)
from securefed.aggregation.chunks import Words
from securefed.aggregation.fields import DEGREE
from securefed.aggregation.packing import modulus_mask
from securefed.aggregation.shape import Shape
from securefed.errors import SealInvalid

_NO_PARAMETERS = bytes(32)
_LEAST_BUDGET = 1


class _Lattice:
    """SEAL's context for a shape, and ciphertexts in and out of it."""

    def __init__(self, shape: Shape) -> None:
        self.context = context_for(shape.packing.modulus_bits)
        self.file = RamFile()
        self._id = ciphertext_id(self.context)

    def loaded(self, payload: bytes) -> seal.Ciphertext:
        """SEAL's ciphertext of a payload."""
        words = from_payload(payload)
        ciphertext = seal.Ciphertext()
        stored = ciphertext_bytes(self._id, words, degree=DEGREE, ntt=False)
        with library():
            self.file.put(stored, lambda path: ciphertext.load(self.context, path))
        return ciphertext

    def payload(self, ciphertext: seal.Ciphertext) -> bytes:
        """The payload of SEAL's ciphertext."""
        with library():
            stored = self.file.taken(ciphertext.save)
        return to_payload(ciphertext_words(stored, primes=1, degree=DEGREE))


class BfvSealer:
    """A ChunkSealer with a study's public key."""

    def __init__(self, key: EncryptionKey, shape: Shape) -> None:
        self._shape = shape
        self._lattice = _Lattice(shape)
        with library():
            context = self._lattice.context
            self._encryptor = seal.Encryptor(context, key.loaded(context))

    def seal(self, index: int, words: Words) -> bytes:
        """A new encryption of a chunk's words."""
        if words.size != self._shape.slots(index):
            raise SealInvalid(f"Chunk {index} has {words.size} words to seal")
        if (words > modulus_mask(self._shape.packing)).any():
            raise SealInvalid(f"Chunk {index} has a word that is larger than its suite allows")
        plain, ciphertext = seal.Plaintext(), seal.Ciphertext()
        context = self._lattice.context
        with library():
            stored = plaintext_bytes(_NO_PARAMETERS, words)
            self._lattice.file.put(stored, lambda path: plain.load(context, path))
            self._encryptor.encrypt(plain, ciphertext)
        return self._lattice.payload(ciphertext)


class BfvOpener:
    """A ChunkOpener with a custodian's secret key."""

    def __init__(self, key: OpeningKey, shape: Shape) -> None:
        self._shape = shape
        self._lattice = _Lattice(shape)
        with library():
            context = self._lattice.context
            self._decryptor = seal.Decryptor(context, key.loaded(context))

    def open(self, index: int, payload: bytes) -> Words:
        """The words of a chunk of a sum."""
        ciphertext = self._lattice.loaded(payload)
        plain = seal.Plaintext()
        with library():
            if self._decryptor.invariant_noise_budget(ciphertext) < _LEAST_BUDGET:
                raise SealInvalid(f"Chunk {index} is under another key, or full of noise")
            self._decryptor.decrypt(ciphertext, plain)
            stored = self._lattice.file.taken(plain.save)
        return self._whole(index, plaintext_words(stored, most=DEGREE))

    def _whole(self, index: int, found: Words) -> Words:
        slots = self._shape.slots(index)
        if found[slots:].any():
            raise SealInvalid(f"Chunk {index} has values behind its end")
        words = np.zeros(slots, np.uint64)
        words[: min(slots, found.size)] = found[:slots]
        return words
