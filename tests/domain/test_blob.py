"""Tickets: what they are accepted for, and everything that they are refused for."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.domain.blob import (
    LONGEST_LIFE,
    BlobId,
    Direction,
    SignedTicket,
    Ticket,
    expect_room,
    read_ticket,
)
from securefed.domain.identifiers import Digest, RequestId, SiteId
from securefed.domain.round import RoundId
from securefed.errors import (
    BlobLengthWrong,
    BlobQuotaFull,
    NumberInvalid,
    SecurefedError,
    TicketExpired,
    TicketForeign,
    TicketInvalid,
)
from tests.world import START, digest

SITE = SiteId("hospital-a")
SIGNER = Ed25519Signer(bytes(32))
OF = RoundId(request=RequestId("cr-7f3a90b1c2d4"), round=3, attempt=1)
BLOB = BlobId(of=OF, digest=digest("blob"))
TICKET = Ticket(
    site=SITE,
    blob=BLOB,
    direction=Direction.UPLOAD,
    length=100,
    expires=START + timedelta(minutes=15),
    nonce=digest("nonce"),
)
SIGNED = SignedTicket(ticket=TICKET, signature=SIGNER.sign(TICKET.signed))


def test_a_ticket_is_accepted_for_exactly_what_it_names() -> None:
    read = read_ticket(SIGNED.text)
    assert read == SIGNED
    read.check(SIGNER.key, verify)
    read.ticket.expect(SITE, BLOB, Direction.UPLOAD, START)


@pytest.mark.parametrize(
    ("site", "blob", "direction", "differs"),
    [
        (SiteId("hospital-b"), BLOB, Direction.UPLOAD, "site"),
        (SITE, BlobId(of=replace(OF, round=4), digest=BLOB.digest), Direction.UPLOAD, "round"),
        (SITE, BlobId(of=replace(OF, attempt=2), digest=BLOB.digest), Direction.UPLOAD, "round"),
        (
            SITE,
            BlobId(of=replace(OF, request=RequestId("cr-" + "0" * 12)), digest=BLOB.digest),
            Direction.UPLOAD,
            "round",
        ),
        (SITE, BlobId(of=OF, digest=digest("other")), Direction.UPLOAD, "blob"),
        (SITE, BLOB, Direction.DOWNLOAD, "direction"),
    ],
)
def test_a_ticket_for_something_else_is_foreign(
    site: SiteId, blob: BlobId, direction: Direction, differs: str
) -> None:
    with pytest.raises(TicketForeign, match=f"for another {differs}$"):
        TICKET.expect(site, blob, direction, START)


def test_a_ticket_ends_at_its_moment() -> None:
    TICKET.expect(SITE, BLOB, Direction.UPLOAD, TICKET.expires - timedelta(seconds=1))
    with pytest.raises(TicketExpired):
        TICKET.expect(SITE, BLOB, Direction.UPLOAD, TICKET.expires)


def test_a_ticket_that_ends_too_late_is_not_one_even_where_the_clock_went_back() -> None:
    long_before = TICKET.expires - LONGEST_LIFE
    TICKET.expect(SITE, BLOB, Direction.UPLOAD, long_before)
    with pytest.raises(TicketInvalid, match="later than any ticket"):
        TICKET.expect(SITE, BLOB, Direction.UPLOAD, long_before - timedelta(seconds=1))


@pytest.mark.parametrize(
    "changes",
    [
        {"site": SiteId("hospital-b")},
        {"blob": BlobId(of=OF, digest=digest("other"))},
        {"direction": Direction.DOWNLOAD},
        {"length": 101},
        {"expires": START + timedelta(minutes=16)},
        {"nonce": digest("another")},
    ],
)
def test_a_changed_ticket_is_not_signed(changes: dict[str, object]) -> None:
    forged = SignedTicket(ticket=replace(TICKET, **changes), signature=SIGNED.signature)
    with pytest.raises(TicketInvalid, match="not signed"):
        forged.check(SIGNER.key, verify)


def test_another_key_signs_no_ticket_of_this_site() -> None:
    with pytest.raises(TicketInvalid):
        SIGNED.check(Ed25519Signer(bytes([1]) * 32).key, verify)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        SIGNED.text[:-1],
        SIGNED.text + "0",
        SIGNED.text + ".0",
        " " + SIGNED.text,
        "A" + SIGNED.text,
        SIGNED.text.replace(".", "=."),
        SIGNED.text.replace(".", "=="),
        SIGNED.text.split(".")[0] + "." + SIGNED.signature.upper(),
        "é" + SIGNED.text,
        "e30." + SIGNED.signature,
        "W1tbW1tb." + SIGNED.signature,
        "A" * 100_000 + "." + SIGNED.signature,
    ],
)
def test_what_is_not_a_ticket_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(TicketInvalid) as refused:
        read_ticket(text)
    assert str(refused.value) == "This is not a ticket"


@given(text=st.text(max_size=300))
def test_any_other_text_is_refused_by_name(text: str) -> None:
    with pytest.raises(TicketInvalid):
        read_ticket(text)


@given(place=st.integers(0, len(SIGNED.text) - 1), letter=st.sampled_from("Aa09_-.=\n"))
def test_no_other_spelling_of_a_ticket_is_accepted(place: int, letter: str) -> None:
    text = SIGNED.text[:place] + letter + SIGNED.text[place + 1 :]
    if text == SIGNED.text:
        return
    with pytest.raises(SecurefedError):
        read_ticket(text).check(SIGNER.key, verify)


@given(
    length=st.integers(1, 10**12),
    direction=st.sampled_from(Direction),
    hexadecimal=st.text("0123456789abcdef", min_size=64, max_size=64),
    number=st.integers(1, 10**12),
)
def test_every_ticket_survives_its_text(
    length: int, direction: Direction, hexadecimal: str, number: int
) -> None:
    blob = BlobId(of=replace(OF, round=number), digest=Digest(f"sha256:{hexadecimal}"))
    ticket = replace(TICKET, blob=blob, direction=direction, length=length)
    signed = SignedTicket(ticket=ticket, signature=SIGNED.signature)
    assert read_ticket(signed.text) == signed


@pytest.mark.parametrize("length", [0, -1, 10**12 + 1, 1.5])
def test_a_blob_has_a_length(length: int) -> None:
    with pytest.raises(NumberInvalid):
        replace(TICKET, length=length)


def test_an_upload_is_exactly_what_is_missing() -> None:
    TICKET.expect_rest(0, 0, 100)
    TICKET.expect_rest(40, 40, 60)
    for start, length in ((0, 100), (41, 59), (39, 61), (40, 61), (40, 59), (40, 0)):
        with pytest.raises(BlobLengthWrong):
            TICKET.expect_rest(40, start, length)


def test_the_quota_counts_what_is_promised() -> None:
    expect_room(100, 60, 40)
    with pytest.raises(BlobQuotaFull, match="41 bytes do not fit: 60 of 100"):
        expect_room(100, 60, 41)
