"""The way to a site: made when it is needed, and no ticket counts but the site's own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from securefed.adapters.ed25519_keys import Ed25519Signer
from securefed.config.federation import Address
from securefed.domain.blob import BlobId, Direction, SignedTicket, Ticket
from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import RequestId, SiteId
from securefed.domain.round import RoundId
from securefed.errors import CertificateUnusable, SiteUnreachable, TicketInvalid
from securefed.wiring.remote import ConnectedSite

SITE = Ed25519Signer(b"s" * 32)
REQUEST = RequestId("cr-0123456789ab")


def address(authority: Path | None = None) -> Address:
    return Address(host="127.0.0.1", port=9, authority=authority, key=SITE.key)


def ticket(signer: Ed25519Signer, direction: Direction = Direction.DOWNLOAD) -> str:
    found = Ticket(
        site=SiteId("hospital-a"),
        blob=BlobId(of=RoundId(request=REQUEST, round=1, attempt=1), digest=digest_of("test", b"")),
        direction=direction,
        length=4,
        expires=datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1),
        nonce=digest_of("test", b"once"),
    )
    return SignedTicket(ticket=found, signature=signer.sign(found.signed)).text


def refused() -> object:
    raise SiteUnreachable("No site answers")


def test_nobody_is_called_before_something_is_asked() -> None:
    calls: list[int] = []

    def connect() -> object:
        calls.append(1)
        return refused()

    site = ConnectedSite(address(), connect)
    site.close()
    assert calls == []
    for _ in range(2):
        with pytest.raises(SiteUnreachable):
            site.state(REQUEST)
    assert len(calls) == 2


def test_a_ticket_that_another_key_signed_moves_nothing(tmp_path: Path) -> None:
    site = ConnectedSite(address(), refused)
    (tmp_path / "secret").write_bytes(b"four")
    other = Ed25519Signer(b"o" * 32)
    with pytest.raises(TicketInvalid):
        site.fetch(ticket(other), tmp_path / "target")
    with pytest.raises(TicketInvalid):
        site.send(ticket(other, Direction.UPLOAD), tmp_path / "secret")
    assert [one.name for one in tmp_path.iterdir()] == ["secret"]


def test_an_authority_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(CertificateUnusable, match=r"cannot be read.*ca\.pem"):
        ConnectedSite(address(tmp_path / "ca.pem"), refused)
