"""A custodian signs others' checkpoints over its service, for its study's coordinator alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from securefed.adapters.custodian_http.service import LARGEST_TEXT, Patience
from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.domain.canonical import digest_of
from securefed.domain.checkpoint import Checkpoint, parse_checkpoint
from securefed.domain.identifiers import Digest, SiteId, StudyId
from securefed.domain.ledger import Head
from securefed.domain.records import to_bytes
from securefed.domain.witnessing import KeyedNote, Witness
from securefed.errors import NotFound, RequestRefused
from tests.adapters.custodian.test_service import Served, request
from tests.custody import STUDY, Custody

pytestmark = pytest.mark.slow

SITE = Ed25519Signer(b"s" * 32)
PATH = f"/studies/{STUDY}/checkpoints"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    found = Served(tmp_path, Custody(), Patience())
    yield found
    found.stop()


def note(size: int) -> KeyedNote:
    head = Head(size=size, hash=digest_of("test-entry", str(size).encode()))
    made = Checkpoint(site=SiteId("hospital-a"), head=head)
    return KeyedNote(key=SITE.key, note=made.by_site(SITE.key, SITE.sign(made.signed)).note())


def posted(
    served: Served, content: bytes, signer: Ed25519Signer | None = None, **changes: object
) -> int:
    """The status of a request with this body."""
    line = replace(served.line(content), **{"path": PATH, **changes})
    raw = request(line, content, signer) if signer else request(line, content)
    return served.said(raw.replace(b"/openings ", b"/checkpoints ", 1))[0]


def test_a_checkpoint_comes_back_signed_and_another_one_is_refused(served: Served) -> None:
    client, custody = served.client(), served.custody
    answer = client.witness(STUDY, (note(3), note(2)))
    (signed,) = answer.signed
    assert parse_checkpoint(signed.note).vouched_by("registry", custody.signer.key, verify)
    assert [one.code for one in answer.refused] == ["ledger-rolled-back"]
    assert answer.own.checked(verify).head == custody.party.checkpoint().head
    assert custody.seen.seen() == {SITE.key: signed}


def test_its_own_comes_back_with_signatures_and_is_kept(served: Served) -> None:
    client = served.client()
    client.witness(STUDY, (note(3),))
    own = parse_checkpoint(client.witness(STUDY, ()).own.note)
    key = served.custody.signer.key
    cosigned = own.cosigned("hospital-a", SITE.key, SITE.sign(own.signed))
    assert not client.witness(STUDY, (KeyedNote(key=key, note=cosigned.note()),)).refused
    assert [one.cosigners for one in served.custody.cosigned] == [("hospital-a",)]


def test_only_the_studys_coordinator_brings_any(served: Served) -> None:
    body = to_bytes(Witness(notes=(note(3),)))
    assert posted(served, body, Ed25519Signer(b"x" * 32)) == 401
    assert posted(served, body, path=f"/studies/{STUDY}/openings") == 401
    assert posted(served, body, body=Digest("sha256:" + "0" * 64)) == 401
    assert posted(served, b"no checkpoints") == 401
    assert posted(served, b"x", length=LARGEST_TEXT + 1) == 401
    assert not served.custody.seen.seen()
    assert posted(served, body) == 200
    with pytest.raises(RequestRefused):
        served.client(Ed25519Signer(b"x" * 32)).witness(STUDY, ())
    with pytest.raises(NotFound):
        served.client().witness(StudyId("another"), ())
