"""A study's key pair: what sites encrypt with, and what its custodian opens sums with.

Promises that a public key that is read is one in form, with every number below its modulus; whether
it is the right one says its digest, which every seal names. A secret key shows itself to nobody but
`secret_bytes`, for the custodian's private file, and refuses to be copied or pickled.
"""

from typing import NoReturn

import numpy as np
import tenseal.sealapi as seal

from securefed.adapters.tenseal_sealing.parameters import (
    KEY_MODULUS_BITS,
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
from securefed.aggregation.chunks import Words
from securefed.aggregation.fields import CIPHER_PRIME, DEGREE, SPECIAL_PRIME
from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Digest
from securefed.errors import KeyUnsafe, SealInvalid

PUBLIC_KIND = "bfv-public-key"
_LITTLE = np.dtype("<u8")
_PRIMES = 2


class EncryptionKey:
    """A public key: two polynomials, each modulo both primes, in SEAL's transformed form."""

    def __init__(self, words: Words) -> None:
        self._words = words

    @classmethod
    def from_bytes(cls, data: bytes) -> "EncryptionKey":
        """The key of the bytes that `to_bytes` made; refuses all others."""
        return cls(_checked(data, 2 * _PRIMES, "public"))

    def to_bytes(self) -> bytes:
        """The key as it is published, 131,072 bytes."""
        return self._words.astype(_LITTLE, copy=False).tobytes()

    @property
    def digest(self) -> Digest:
        """What seals name the key by."""
        return digest_of(PUBLIC_KIND, self.to_bytes())

    def loaded(self, context: seal.SEALContext) -> seal.PublicKey:
        """The key as SEAL uses it under a plaintext modulus."""
        key = seal.PublicKey()
        stored = ciphertext_bytes(key_id(context), self._words, degree=DEGREE, ntt=True)
        with library(), RamFile() as file:
            file.put(stored, lambda path: key.load(context, path))
        return key


class OpeningKey:
    """A secret key together with its public half."""

    __slots__ = ("__secret", "public")

    def __init__(self, secret: Words, public: EncryptionKey) -> None:
        self.__secret = secret
        self.public = public

    @classmethod
    def from_secret_bytes(cls, secret: bytes, public: EncryptionKey) -> "OpeningKey":
        """The key of a custodian's private file."""
        try:
            return cls(_checked(secret, _PRIMES, "secret"), public)
        except SealInvalid as error:
            raise KeyUnsafe(error.what) from None

    def secret_bytes(self) -> bytes:
        """The secret half, for a private file and nothing else."""
        return self.__secret.astype(_LITTLE, copy=False).tobytes()

    def loaded(self, context: seal.SEALContext) -> seal.SecretKey:
        """The key as SEAL uses it under a plaintext modulus."""
        key = seal.SecretKey()
        with library(), RamFile() as file:
            stored = plaintext_bytes(key_id(context), self.__secret)
            file.put(stored, lambda path: key.load(context, path))
        return key

    def __repr__(self) -> str:
        return f"OpeningKey({self.public.digest.short()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A private key is neither copied nor pickled")


def new_opening_key() -> OpeningKey:
    """A new pair, from the randomness of the operating system."""
    context = context_for(KEY_MODULUS_BITS)
    with library(), RamFile() as file:
        generator = seal.KeyGenerator(context)
        public = seal.PublicKey()
        generator.create_public_key(public)
        public_words = ciphertext_words(file.taken(public.save), primes=_PRIMES, degree=DEGREE)
        stored = file.taken(generator.secret_key().save)
        secret_words = plaintext_words(stored, most=_PRIMES * DEGREE)
    return OpeningKey(secret_words, EncryptionKey(public_words))


def _checked(data: bytes, polynomials: int, name: str) -> Words:
    expected = polynomials * DEGREE * _LITTLE.itemsize
    if len(data) != expected:
        raise SealInvalid(f"A {name} key has {expected} bytes, not {len(data)}")
    words = np.frombuffer(data, _LITTLE).astype(np.uint64, copy=False)
    by_prime = words.reshape(-1, _PRIMES, DEGREE)
    if (by_prime.max(axis=(0, 2)) >= np.array([CIPHER_PRIME, SPECIAL_PRIME], np.uint64)).any():
        raise SealInvalid(f"A {name} key has a number beyond its modulus")
    if not by_prime.any(axis=(1, 2)).all():
        raise SealInvalid(f"A {name} key has a polynomial that is zero")
    return words
