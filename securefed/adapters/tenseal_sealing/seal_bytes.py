"""SEAL's stored form from plain words and back, for SEAL 4.3 as TenSEAL 0.3.18 brings it.

SEAL's objects give no access to their numbers, so they are written here as SEAL would without
compression, and read from what it saves, which it compresses with zstd. Only bytes that this
process made itself ever pass through here. Another version of the form is refused.
"""

import struct

import numpy as np
import pyarrow as pa

from securefed.aggregation.chunks import Words
from securefed.errors import SealingFailed

_LITTLE = np.dtype("<u8")
# Magic number, length of the header, version 4.3, compression, nothing, length of all.
_HEADER = struct.Struct("<HBBBBHQ")
_MAGIC, _MAJOR, _MINOR = 0xA15E, 4, 3
_PLAIN, _ZSTD = 0, 2
# Parameters' digest, NTT form, polynomials, degree, primes, scale, correction.
_CIPHERTEXT = struct.Struct("<32s?QQQdQ")
# Parameters' digest, coefficients, scale.
_PLAINTEXT = struct.Struct("<32sQd")
_COUNT = struct.Struct("<Q")


def ciphertext_bytes(parameters: bytes, words: Words, *, degree: int, ntt: bool) -> bytes:
    """A ciphertext of two polynomials, or a public key; each in as many primes as it has words."""
    primes = words.size // (2 * degree)
    return _framed(_CIPHERTEXT.pack(parameters, ntt, 2, degree, primes, 1.0, 1) + _array(words))


def plaintext_bytes(parameters: bytes, words: Words) -> bytes:
    """A plaintext of coefficients, or a secret key."""
    return _framed(_PLAINTEXT.pack(parameters, words.size, 1.0) + _array(words))


def ciphertext_words(stored: bytes, *, primes: int, degree: int) -> Words:
    """The words of a ciphertext or public key that SEAL saved."""
    return _words(stored, _CIPHERTEXT.size, 2 * primes * degree)


def plaintext_words(stored: bytes, *, most: int) -> Words:
    """The coefficients of a plaintext or secret key that SEAL saved, without zeros at the end."""
    return _words(stored, _PLAINTEXT.size, most)


def _framed(content: bytes) -> bytes:
    size = _HEADER.size + len(content)
    return _HEADER.pack(_MAGIC, _HEADER.size, _MAJOR, _MINOR, _PLAIN, 0, size) + content


def _array(words: Words) -> bytes:
    return _framed(_COUNT.pack(words.size) + words.astype(_LITTLE, copy=False).tobytes())


def _words(stored: bytes, head: int, most: int) -> Words:
    content = _content(stored)
    start = head + _HEADER.size + _COUNT.size
    words = np.frombuffer(content, _LITTLE, offset=start).astype(np.uint64, copy=False)
    [count] = _COUNT.unpack_from(content, start - _COUNT.size)
    if count != words.size or count > most:
        raise SealingFailed("SEAL stored another number of coefficients than it should have")
    return words


def _content(stored: bytes) -> bytes:
    magic, size, major, minor, compression, _, length = _HEADER.unpack_from(stored)
    if (magic, size, major, minor) != (_MAGIC, _HEADER.size, _MAJOR, _MINOR):
        raise SealingFailed("This version of SEAL stores its objects in another form")
    if compression != _ZSTD or length != len(stored):
        raise SealingFailed("SEAL stored an object in another form than zstd")
    with pa.CompressedInputStream(pa.BufferReader(stored[_HEADER.size :]), "zstd") as content:
        return bytes(content.read())
