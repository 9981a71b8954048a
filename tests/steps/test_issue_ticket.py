"""A ticket as the site gives it out."""

from securefed.adapters.memory import MemoryClock, MemoryEntropy, MemoryKeys
from securefed.domain.blob import LONGEST_LIFE, BlobId, Direction, SignedTicket
from securefed.domain.identifiers import RequestId, SiteId
from securefed.domain.round import RoundId
from securefed.steps.issue_ticket import LIFE, issue_ticket
from tests.world import START, digest

SITE = SiteId("hospital-a")
OF = RoundId(request=RequestId("cr-7f3a90b1c2d4"), round=1, attempt=1)
BLOB = BlobId(of=OF, digest=digest("blob"))
KEYS, ENTROPY = MemoryKeys(), MemoryEntropy()


def issued() -> SignedTicket:
    return issue_ticket(
        SITE,
        BLOB,
        Direction.DOWNLOAD,
        7,
        clock=MemoryClock(START),
        entropy=ENTROPY,
        signer=KEYS.signer("site"),
    )


def test_a_ticket_is_good_at_once_and_for_a_short_time() -> None:
    signed = issued()
    signed.check(KEYS.signer("site").key, KEYS.verify)
    signed.ticket.expect(SITE, BLOB, Direction.DOWNLOAD, START)
    assert signed.ticket.length == 7
    assert signed.ticket.expires - START == LIFE < LONGEST_LIFE


def test_no_two_tickets_are_the_same() -> None:
    assert issued().text != issued().text
