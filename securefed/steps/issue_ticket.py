"""The site gives out a ticket for one blob, for one direction, for a short time."""

from datetime import timedelta

from securefed.domain.blob import BlobId, Direction, SignedTicket, Ticket
from securefed.domain.identifiers import Digest, SiteId
from securefed.ports import Clock, Entropy, Signer

LIFE = timedelta(minutes=15)


def issue_ticket(
    site: SiteId,
    blob: BlobId,
    direction: Direction,
    length: int,
    *,
    clock: Clock,
    entropy: Entropy,
    signer: Signer,
) -> SignedTicket:
    """A ticket that nobody can make up. Whoever asks for it was admitted before."""
    ticket = Ticket(
        site=site,
        blob=blob,
        direction=direction,
        length=length,
        expires=clock.now() + LIFE,
        nonce=Digest(f"sha256:{entropy.token().hex()}"),
    )
    return SignedTicket(ticket=ticket, signature=signer.sign(ticket.signed))
