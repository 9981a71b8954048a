"""The ledger's entries and the chain that they form.

An entry's stored bytes are hashed and signed as they are; nobody re-encodes in order to verify.
Each entry names the hash of the one before, so a changed, dropped or reordered entry breaks the
chain at a known place. A cut-off tail does not: for that, see `checkpoint`. What an entry means is
decided by `register`; this file knows only that it has an index, a time and an event.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from securefed.domain.canonical import digest_of, prefixed
from securefed.domain.identifiers import Digest, PublicKey, Signature
from securefed.domain.numbers import count

ENTRY_KIND = "ledger-entry"
NO_ENTRY = Digest("sha256:" + "0" * 64)

Verify: TypeAlias = Callable[[PublicKey, bytes, Signature], bool]


@dataclass(frozen=True, kw_only=True)
class Head:
    """How many entries there are, and the hash of the last."""

    size: int
    hash: Digest

    def __post_init__(self) -> None:
        count("ledger size", self.size, least=0)


EMPTY = Head(size=0, hash=NO_ENTRY)


@dataclass(frozen=True, kw_only=True)
class StoredEntry:
    """An entry as it lies in the store: exact bytes and the site's signature over them."""

    data: bytes
    signature: Signature

    @cached_property
    def hash(self) -> Digest:
        """What the next entry names."""
        return digest_of(ENTRY_KIND, self.data)

    @property
    def signed(self) -> bytes:
        """What the signature is over."""
        return prefixed(ENTRY_KIND, self.data)


def extended(head: Head, stored: StoredEntry) -> Head:
    """The head after an entry."""
    return Head(size=head.size + 1, hash=stored.hash)
