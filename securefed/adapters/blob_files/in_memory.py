"""Blobs in a dictionary: the twin of the folder, for tests and dry runs.

Promises the same rules: whole and checked before it is seen, one writer at a time, a quota. It
keeps nothing beyond its process.
"""

import hashlib
import io
from collections.abc import Callable
from typing import BinaryIO

from securefed.domain.blob import BlobId, Held, expect_room
from securefed.domain.identifiers import Digest
from securefed.domain.round import RoundId
from securefed.errors import BlobBusy, BlobDamaged, BlobLengthWrong, NotFound, TicketSpent


class MemoryBlobs:
    """A BlobStore in memory."""

    def __init__(self, quota: int) -> None:
        self._quota = quota
        self._whole: dict[BlobId, bytes] = {}
        self._parts: dict[BlobId, bytearray] = {}
        self._coming: dict[BlobId, int] = {}
        self._spent: set[tuple[RoundId, Digest]] = set()

    def held(self, blob: BlobId) -> Held:
        """How much is there."""
        if blob in self._whole:
            return Held(length=len(self._whole[blob]), whole=True)
        return Held(length=len(self._parts.get(blob, b"")), whole=False)

    def writer(self, blob: BlobId, length: int) -> "MemoryWriter":
        """Goes on with a blob."""
        if blob in self._whole:
            raise TicketSpent("The blob is there already", where=str(blob))
        if blob in self._coming:
            raise BlobBusy("Another upload of this blob is under way", where=str(blob))
        sizes = {one: len(data) for one, data in (self._whole | self._parts).items()}
        promised = sizes | self._coming
        promised.pop(blob, None)
        expect_room(self._quota, sum(promised.values()), length)
        self._coming[blob] = length
        if len(self._parts.setdefault(blob, bytearray())) > length:
            self._parts[blob].clear()
        return MemoryWriter(self, blob, length)

    def open(self, blob: BlobId) -> BinaryIO:
        """A whole blob, for reading."""
        if blob not in self._whole:
            raise NotFound("The blob is not there, or not whole yet", where=str(blob))
        return io.BytesIO(self._whole[blob])

    def spend(self, of: RoundId, nonce: Digest) -> None:
        """Notes a ticket."""
        if all(blob.of != of for blob in (self._whole | self._parts)):
            raise NotFound("The site keeps nothing of this round", where=str(of))
        self._spent.add((of, nonce))

    def spent(self, of: RoundId, nonce: Digest) -> bool:
        """Whether it was noted."""
        return (of, nonce) in self._spent

    def clear(self, in_use: Callable[[RoundId], bool]) -> int:
        """Removes what is over."""
        over = [blob for blob in (self._whole | self._parts) if not in_use(blob.of)]
        self._spent = {(of, nonce) for of, nonce in self._spent if in_use(of)}
        return sum(len(self._whole.pop(one, self._parts.pop(one, b""))) for one in over)

    def add(self, blob: BlobId, data: bytes, length: int) -> None:
        """What a writer writes."""
        if len(self._parts[blob]) + len(data) > length:
            raise BlobLengthWrong(f"More than the announced {length} bytes came")
        self._parts[blob] += data

    def complete(self, blob: BlobId, length: int) -> None:
        """What a writer finishes."""
        if len(self._parts[blob]) != length:
            raise BlobLengthWrong(f"{len(self._parts[blob])} of {length} bytes came")
        data = bytes(self._parts.pop(blob))
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != blob.digest:
            raise BlobDamaged("The bytes do not have the announced SHA-256")
        self._whole[blob] = data

    def end(self, blob: BlobId) -> None:
        """What a writer closes."""
        self._coming.pop(blob, None)


class MemoryWriter:
    """A BlobWriter of a `MemoryBlobs`."""

    def __init__(self, store: MemoryBlobs, blob: BlobId, length: int) -> None:
        self._store, self._blob, self._length = store, blob, length

    @property
    def held(self) -> int:
        """How many bytes are there."""
        return self._store.held(self._blob).length

    def write(self, data: bytes) -> None:
        """Adds bytes."""
        self._store.add(self._blob, data, self._length)

    def finish(self) -> None:
        """Makes the blob whole."""
        self._store.complete(self._blob, self._length)

    def close(self) -> None:
        """Lets others write."""
        self._store.end(self._blob)
