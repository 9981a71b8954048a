"""The one set of BFV parameters, and what SEAL raises as ours.

Degree 4,096 and 109 bits of modulus are the 128-bit security of the HomomorphicEncryption.org
standard for ternary secrets, which SEAL checks again. Only the plaintext modulus differs between
seals. Nothing here is ever taken from a peer.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import tenseal.sealapi as seal

from securefed.aggregation.fields import CIPHER_PRIME, DEGREE, MODULUS_BITS, SPECIAL_PRIME
from securefed.errors import SealingFailed

# Keys do not depend on the plaintext modulus; SEAL wants one all the same to make them.
KEY_MODULUS_BITS = 20


@lru_cache(maxsize=8)
def context_for(modulus_bits: int) -> seal.SEALContext:
    """SEAL's context for a plaintext modulus of 2^bits."""
    with library():
        parameters = seal.EncryptionParameters(seal.SCHEME_TYPE.BFV)
        parameters.set_poly_modulus_degree(DEGREE)
        parameters.set_coeff_modulus(seal.CoeffModulus.Create(DEGREE, list(MODULUS_BITS)))
        parameters.set_plain_modulus(1 << modulus_bits)
        context = seal.SEALContext(parameters, True, seal.SEC_LEVEL_TYPE.TC128)
        primes = [prime.value() for prime in parameters.coeff_modulus()]
    if not context.parameters_set() or primes != [CIPHER_PRIME, SPECIAL_PRIME]:
        raise SealingFailed("This version of SEAL makes other parameters than the suites pin")
    return context


def ciphertext_id(context: seal.SEALContext) -> bytes:
    """The digest that SEAL keeps in ciphertexts of a context."""
    return struct.pack("<4Q", *context.first_parms_id())


def key_id(context: seal.SEALContext) -> bytes:
    """The digest that SEAL keeps in keys of a context."""
    return struct.pack("<4Q", *context.key_parms_id())


@contextmanager
def library() -> Iterator[None]:
    """The table of what SEAL can raise. Its messages are about parameters, never about values."""
    try:
        yield
    except (RuntimeError, ValueError, IndexError, MemoryError) as error:
        raise SealingFailed(f"SEAL refused: {error}") from error
