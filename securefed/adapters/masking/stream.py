"""Words of a key by AES-256 in counter mode: masks that two parties can make, or chance for one.

Promises that words of a mask depend on the key and their position alone, so that any chunk can be
made on its own. A key is used for one update and one custodian, or for one process's rounding; it
is in no printed form, and neither copied nor pickled.
"""

import os
from typing import NoReturn

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from securefed.aggregation.chunks import Words
from securefed.aggregation.grid import Chances

KEY_BYTES = 32
_BLOCK_BYTES = 16
# Counter mode adds the keystream to what it is given, which is nothing here.
_ZEROS = memoryview(bytes(1 << 19))


class WordStream:
    """The keystream of one key as little-endian words."""

    __slots__ = ("__key", "_chunk_bytes")

    def __init__(self, key: bytes, chunk_slots: int) -> None:
        self.__key = key
        self._chunk_bytes = 8 * chunk_slots

    def words(self, index: int, count: int) -> Words:
        """The words of a chunk, from its first on."""
        found = np.empty(count, np.dtype("<u8"))
        first = index * self._chunk_bytes // _BLOCK_BYTES
        _fill(self.__key, first, found.data.cast("B"))
        return found.astype(np.uint64, copy=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key is neither copied nor pickled")


class SecureChances:
    """Random words for rounding by chance, of a key from the operating system that is never kept.

    Each draw goes on where the one before ended. A forked process makes itself another one."""

    def __init__(self) -> None:
        self._start()

    def __call__(self, count: int) -> Chances:
        """So many random words of 32 bits."""
        if os.getpid() != self._process:
            self._start()
        chances = np.empty(count, np.uint32)
        view = chances.data.cast("B")
        for start in range(0, len(view), len(_ZEROS)):
            part = view[start : start + len(_ZEROS)]
            self._stream.update_into(_ZEROS[: len(part)], part)
        return chances

    def __reduce__(self) -> NoReturn:
        raise TypeError("A source of randomness is neither copied nor pickled")

    def _start(self) -> None:
        self._process = os.getpid()
        key = os.urandom(KEY_BYTES)
        self._stream = Cipher(algorithms.AES(key), modes.CTR(bytes(_BLOCK_BYTES))).encryptor()


def _fill(key: bytes, first_block: int, view: memoryview) -> None:
    counter = first_block.to_bytes(_BLOCK_BYTES, "big")
    stream = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
    for start in range(0, len(view), len(_ZEROS)):
        part = view[start : start + len(_ZEROS)]
        stream.update_into(_ZEROS[: len(part)], part)
