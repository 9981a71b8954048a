"""Blobs and the tickets for them: which bytes may pass between a site and others, once, and when.

A blob is a file of one attempt at a round, named by the SHA-256 of its bytes. A ticket is the
site's signed word that one blob may pass in one direction until a moment. Promises that a ticket
which is accepted is for exactly this site, attempt, direction, digest and length; that it was not
used to its end is for the store to say. A ticket is not secret from its bearer, and whoever bears
it may use it: it travels over the approved call and TLS.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from securefed.domain.canonical import prefixed
from securefed.domain.identifiers import Digest, PublicKey, Signature, SiteId
from securefed.domain.ledger import Verify
from securefed.domain.numbers import count
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.round import RoundId
from securefed.errors import (
    BlobLengthWrong,
    BlobQuotaFull,
    SecurefedError,
    TicketExpired,
    TicketForeign,
    TicketInvalid,
)

TICKET_KIND = "blob-ticket"
# A ticket that ends later was not made by this program, or the clock went back since.
LONGEST_LIFE = timedelta(hours=1)
_LONGEST_TEXT = 2048


class Direction(StrEnum):
    """Which way a blob passes, seen from whoever speaks to the site."""

    UPLOAD = "upload"
    DOWNLOAD = "download"


@dataclass(frozen=True, kw_only=True)
class BlobId:
    """Which blob of which attempt. The digest is the plain SHA-256 of its bytes."""

    of: RoundId
    digest: Digest

    def __str__(self) -> str:
        return f"{self.of}, blob {self.digest.short()}"


@dataclass(frozen=True, kw_only=True)
class Held:
    """How much of a blob is there, and whether that is all of it, with its digest checked."""

    length: int
    whole: bool


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """The right to pass one blob in one direction."""

    site: SiteId
    blob: BlobId
    direction: Direction
    length: int
    expires: datetime
    nonce: Digest

    def __post_init__(self) -> None:
        count("bytes of a blob", self.length)

    @property
    def signed(self) -> bytes:
        """What the site signs."""
        return prefixed(TICKET_KIND, to_bytes(self))

    def expect(self, site: SiteId, blob: BlobId, direction: Direction, now: datetime) -> None:
        """Refuses a ticket that is for anything else, or not for now."""
        asked = {
            "site": (self.site, site),
            "round": (self.blob.of, blob.of),
            "blob": (self.blob.digest, blob.digest),
            "direction": (self.direction, direction),
        }
        if differing := [name for name, (ours, theirs) in asked.items() if ours != theirs]:
            raise TicketForeign(f"The ticket is for another {', '.join(differing)}")
        if now >= self.expires:
            raise TicketExpired("The ticket's time is over", where=str(blob))
        if self.expires - now > LONGEST_LIFE:
            raise TicketInvalid("The ticket ends later than any ticket does", where=str(blob))

    def expect_rest(self, held: int, start: int, length: int) -> None:
        """Refuses an upload that is not exactly the bytes that are still missing."""
        if start != held:
            raise BlobLengthWrong(f"{held} bytes are there; the upload begins at {start}")
        if length != self.length - start:
            raise BlobLengthWrong(f"{self.length - start} bytes are missing, not {length}")


@dataclass(frozen=True, kw_only=True)
class SignedTicket:
    """A ticket and the site's signature, as it is handed out and shown."""

    ticket: Ticket
    signature: Signature

    @property
    def text(self) -> str:
        """One word that fits into a header."""
        return f"{_encoded(to_bytes(self.ticket))}.{self.signature}"

    def check(self, key: PublicKey, verify: Verify) -> None:
        """Refuses a ticket that this key did not sign."""
        if not verify(key, self.ticket.signed, self.signature):
            raise TicketInvalid("The ticket is not signed by this site")


def read_ticket(text: str) -> SignedTicket:
    """The ticket of a word that `text` wrote; refuses any other spelling."""
    # Not quoted: until the signature is checked, a stranger words this.
    malformed = TicketInvalid("This is not a ticket")
    encoded, _, signature = text.partition(".")
    if len(text) > _LONGEST_TEXT:
        raise malformed
    try:
        padding = "=" * (-len(encoded) % 4)
        data = base64.b64decode(encoded + padding, altchars=b"-_", validate=True)
        ticket, signed = from_bytes(Ticket, data), Signature(signature)
    except (binascii.Error, ValueError, SecurefedError):
        raise malformed from None
    if _encoded(data) != encoded:
        raise malformed
    return SignedTicket(ticket=ticket, signature=signed)


def expect_room(quota: int, promised: int, wanted: int) -> None:
    """Refuses a blob that does not fit beside what is there and what has begun to come."""
    if promised + wanted > quota:
        raise BlobQuotaFull(f"{wanted} bytes do not fit: {promised} of {quota} are taken")


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
