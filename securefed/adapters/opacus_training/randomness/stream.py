"""A keystream of AES-256 in counter mode: random bytes that only this process can know.

Promises that no block is ever given out twice, by any stream: each has its own key, a fork refuses
to go on, copies and pickles are refused, and so is whatever comes after `LIMIT` bytes. The key is
in no attribute. It does not promise to hide from other code of the same process, which could read
its memory; and its numbers are as good as the operating system's randomness and AES are.
"""

import os
import sys
from enum import StrEnum
from threading import Lock
from typing import NoReturn, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]

# 2⁴⁴ blocks: n blocks differ from true randomness with an advantage of n²/2¹²⁹, here 2⁻⁴¹.
LIMIT = 2**48
_SECRET, _KEY, _NONCE, _COUNTER = 64, 32, 8, 8
# Counter mode adds the keystream to what it is given. A part and its zeros fit into an L2 cache.
_ZEROS = memoryview(bytes(1 << 18))


class Purpose(StrEnum):
    """What a stream is for. Streams of two purposes are unrelated, even from the same secret."""

    SAMPLING = "sampling"
    NOISE = "noise"


class KeyStream:
    """Random bytes, each given out once. Threads may share one."""

    def __init__(self, purpose: Purpose) -> None:
        """A stream that was never there before, from the operating system's randomness."""
        self._start(purpose, os.urandom(_SECRET))

    def _start(self, purpose: Purpose, secret: bytes) -> None:
        label = b"securefed keystream v1: " + purpose.encode()
        derived = HKDF(SHA256(), _KEY + _NONCE, salt=None, info=label).derive(secret)
        start = derived[_KEY:] + bytes(_COUNTER)
        self._cipher = Cipher(algorithms.AES(derived[:_KEY]), modes.CTR(start)).encryptor()
        self._purpose = purpose
        self._left = LIMIT
        self._process = os.getpid()
        self._lock = Lock()

    def fill(self, buffer: NDArray[np.generic]) -> None:
        """Overwrites a contiguous array with random bytes, in place."""
        target = buffer.data.cast("B")
        with self._lock:
            self._take(len(target))
            for start in range(0, len(target), len(_ZEROS)):
                part = target[start : start + len(_ZEROS)]
                self._cipher.update_into(_ZEROS[: len(part)], part)

    def words(self, count: int) -> Words:
        """New 64-bit words, uniform and independent."""
        made = np.empty(count, np.uint64)
        self.fill(made)
        return made

    def _take(self, size: int) -> None:
        if os.getpid() != self._process:
            raise RuntimeError("a keystream belongs to one process; open a fresh one after a fork")
        if size > self._left:
            raise RuntimeError("this keystream is used up; open a fresh one")
        self._left -= size

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self._purpose}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a keystream cannot be copied or pickled: its bytes would come twice")


class SeededKeyStream(KeyStream):
    """The same stream every time: for tests, and worthless as noise.

    `request` is pytest's fixture of that name, which exists inside a running test alone."""

    def __init__(self, purpose: Purpose, seed: int, request: object) -> None:
        _refuse_outside_a_test(request)
        self._start(purpose, seed.to_bytes(_SECRET, "big"))


def _refuse_outside_a_test(request: object) -> None:
    # Looked up and not imported: an installation has no pytest, and nothing here can make one.
    kind = getattr(sys.modules.get("pytest"), "FixtureRequest", None)
    # Not isinstance, which believes what a mock says of itself.
    if kind is None or not issubclass(type(request), kind):
        raise RuntimeError("a seeded keystream is for tests: it needs the request of a pytest test")
