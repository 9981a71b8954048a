"""Coefficients of a ciphertext as bytes: sixty bits each, with nothing between or around them.

Fifteen words carry their own sixty bits and four bits of the sixteenth. Promises one form for every
ciphertext and a fixed length, and that what is read is a ciphertext: two polynomials below the
modulus, the second of which is not zero. So SEAL's own reader never sees a byte from a peer. It
does not promise that a ciphertext says anything: any numbers are one.
"""

import numpy as np

from securefed.aggregation.chunks import Words
from securefed.aggregation.fields import CIPHER_PRIME, DEGREE
from securefed.aggregation.shape import CIPHERTEXT_BYTES
from securefed.errors import SealInvalid

_LITTLE = np.dtype("<u8")
_CARRIERS = 15
_BITS = np.uint64(60)
_LOW = np.uint64((1 << 60) - 1)
_NIBBLE = np.uint64(15)
_SHIFTS = np.arange(0, 4 * _CARRIERS, 4, dtype=np.uint64)[:, np.newaxis]


def to_payload(coefficients: Words) -> bytes:
    """The payload of a ciphertext's coefficients, all of which are below 2^60."""
    planes = coefficients.reshape(_CARRIERS + 1, -1)
    carriers: Words = planes[_CARRIERS] >> _SHIFTS
    carriers &= _NIBBLE
    carriers <<= _BITS
    carriers |= planes[:_CARRIERS]
    return carriers.astype(_LITTLE, copy=False).tobytes()


def from_payload(payload: bytes) -> Words:
    """The coefficients of a payload; refuses what is no encryption."""
    if len(payload) != CIPHERTEXT_BYTES:
        raise SealInvalid(f"A ciphertext has {CIPHERTEXT_BYTES} bytes, not {len(payload)}")
    carriers = np.frombuffer(payload, _LITTLE).reshape(_CARRIERS, -1)
    planes = np.empty((_CARRIERS + 1, carriers.shape[1]), np.uint64)
    np.bitwise_and(carriers, _LOW, out=planes[:_CARRIERS])
    nibbles = carriers >> _BITS
    nibbles <<= _SHIFTS
    np.bitwise_or.reduce(nibbles, axis=0, out=planes[_CARRIERS])
    coefficients = planes.reshape(-1)
    if int(coefficients.max()) >= CIPHER_PRIME:
        raise SealInvalid("A ciphertext has a coefficient beyond its modulus")
    if not coefficients[DEGREE:].any():
        raise SealInvalid("A ciphertext is not encrypted: its second polynomial is zero")
    return coefficients
