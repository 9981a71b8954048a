"""Where large files lie on their way."""

from collections.abc import Callable
from typing import BinaryIO, Protocol

from securefed.domain.blob import BlobId, Held
from securefed.domain.identifiers import Digest
from securefed.domain.round import RoundId


class BlobWriter(Protocol):
    """The one place where bytes of a blob come in. Nobody else writes the same until it closes."""

    @property
    def held(self) -> int:
        """How many bytes are there; the next one to be written follows them."""
        ...

    def write(self, data: bytes) -> None:
        """Adds bytes; refuses more than were announced."""
        ...

    def finish(self) -> None:
        """Makes the blob whole, durable and visible; throws it away if its digest differs."""
        ...

    def close(self) -> None:
        """Ends the writing, whatever happened; what came so far stays for the next writer."""
        ...


class BlobStore(Protocol):
    """Where a site keeps large files, each under one attempt at a round and its SHA-256."""

    def held(self, blob: BlobId) -> Held:
        """How much is there."""
        ...

    def writer(self, blob: BlobId, length: int) -> BlobWriter:
        """Goes on with a blob that has this many bytes in all, if the quota has room for it."""
        ...

    def open(self, blob: BlobId) -> BinaryIO:
        """A whole blob, for reading."""
        ...

    def spend(self, of: RoundId, nonce: Digest) -> None:
        """Notes that a ticket was used to its end."""
        ...

    def spent(self, of: RoundId, nonce: Digest) -> bool:
        """Whether that was noted."""
        ...

    def clear(self, in_use: Callable[[RoundId], bool]) -> int:
        """Removes what belongs to attempts that are no longer in use; says how many bytes."""
        ...
