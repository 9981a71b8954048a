"""Checkpoints: three signed lines in the C2SP note format, and nothing that only looks like one."""

import base64
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.checkpoint import Checkpoint, NoteSignature, parse_checkpoint
from securefed.domain.identifiers import Digest, PublicKey, Signature, SiteId
from securefed.domain.ledger import EMPTY, Head
from securefed.errors import CheckpointInvalid, SecurefedError
from tests.domain.ledger_strategies import checkpoints
from tests.world import OWNER, World

KEY = PublicKey("ed25519:" + "41f0" * 16)
SIGNATURE = Signature("ab" * 64)
PLAIN = Checkpoint(
    site=SiteId("hospital-a"), head=Head(size=42, hash=Digest("sha256:" + "c1" * 32))
)
SIGNED = PLAIN.by_site(KEY, SIGNATURE)
# The key's id and the signature, in base64, as any C2SP signed-note tool computes them.
GOLDEN = """\
securefed.ledger/hospital-a
42
wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcE=

— securefed.ledger/hospital-a """
BLOB = SIGNED.note().removeprefix(GOLDEN).removesuffix("\n")


def test_the_note_is_as_c2sp_writes_it() -> None:
    name = b"securefed.ledger/hospital-a"
    key_id = hashlib.sha256(name + b"\n\x01" + bytes.fromhex("41f0" * 16)).digest()[:4]
    blob = base64.b64encode(key_id + bytes.fromhex("ab" * 64)).decode()
    assert SIGNED.note() == f"{GOLDEN}{blob}\n"
    assert key_id.hex() == "4694a9d3"
    assert SIGNED.signed.decode() == GOLDEN.partition("\n\n")[0] + "\n"


def test_an_unsigned_checkpoint_is_three_lines_and_an_empty_one() -> None:
    assert PLAIN.note().count("\n") == 4
    assert PLAIN.note().endswith("=\n\n")
    assert parse_checkpoint(PLAIN.note()) == PLAIN


@given(checkpoints)
def test_a_checkpoint_comes_back_as_it_was(checkpoint: Checkpoint) -> None:
    assert parse_checkpoint(checkpoint.note()) == checkpoint


@given(st.text(max_size=80))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(CheckpointInvalid):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    "note",
    [
        "",
        SIGNED.note().strip(),
        SIGNED.note() + "\n",
        " " + SIGNED.note(),
        SIGNED.note().replace("\n", "\r\n"),
        SIGNED.note().replace("\n42\n", "\n+42\n"),
        SIGNED.note().replace("\n42\n", "\n042\n"),
        SIGNED.note().replace("\n42\n", "\n4_2\n"),
        SIGNED.note().replace("\n42\n", "\n-42\n"),
        SIGNED.note().replace("\n42\n", "\n٤٢\n"),
        SIGNED.note().replace("\n42\n", f"\n{'9' * 5000}\n"),
        SIGNED.note().replace("\n42\n", "\n42\nextension\n"),
        SIGNED.note().replace("hospital-a", "Hospital-A"),
        SIGNED.note().replace("securefed.ledger/", "other.ledger/"),
        SIGNED.note().replace("wcHB", "wcH!"),
        SIGNED.note().replace("wcHBwcHB", "wcHB"),
        SIGNED.note().replace("wcE=", "wcF="),
        SIGNED.note().replace("— ", "- "),
        SIGNED.note().replace("— ", "—  "),
        SIGNED.note().replace(BLOB, BLOB[:-4]),
        SIGNED.note().replace(BLOB, BLOB + "AAAA"),
        SIGNED.note().replace(BLOB, ""),
        SIGNED.note().replace(f"a {BLOB}", f"\u202ea {BLOB}"),
        SIGNED.note().replace(f"a {BLOB}", f"+a {BLOB}"),
        SIGNED.note().replace(f"a {BLOB}", f"\x1b[2Ja {BLOB}"),
    ],
    ids=ascii,
)
def test_a_text_that_is_not_exactly_a_checkpoint_is_refused(note: str) -> None:
    with pytest.raises(CheckpointInvalid):
        parse_checkpoint(note)


@pytest.mark.parametrize("name", ["", "two words", "a\nb", "a+b", "ä", "\u202ea", "a" * 201])
def test_a_signer_has_a_plain_name(name: str) -> None:
    with pytest.raises(CheckpointInvalid, match="is not the name of a signer"):
        NoteSignature(name=name, key_hint="00000000", signature=SIGNATURE)
    if not name.isascii():
        return
    with pytest.raises(SecurefedError):
        PLAIN.cosigned(name + " ", KEY, SIGNATURE)


def test_the_site_and_others_vouch_each_in_their_own_name() -> None:
    world = World()
    site = world.site()
    other = world.keys.signer("hospital-b")
    checkpoint = site.checkpoint()
    own = world.keys.signer("hospital-a")
    both = checkpoint.cosigned("hospital-b", other.key, other.sign(checkpoint.signed))
    read, verify = parse_checkpoint(both.note()), world.keys.verify
    assert read == both
    assert read.vouched_by_site(own.key, verify)
    assert read.vouched_by("hospital-b", other.key, verify)
    assert not checkpoint.vouched_by("hospital-b", other.key, verify)
    assert not read.vouched_by("hospital-c", other.key, verify)
    assert not read.vouched_by("hospital-b", own.key, verify)
    assert not read.vouched_by_site(other.key, verify)


def test_a_changed_checkpoint_is_vouched_for_by_nobody() -> None:
    world = World()
    site = world.site()
    checkpoint, own = site.checkpoint(), world.keys.signer("hospital-a")
    size = checkpoint.head.size
    for changed in (
        replace(checkpoint, head=Head(size=size - 1, hash=checkpoint.head.hash)),
        replace(checkpoint, head=EMPTY),
        replace(checkpoint, site=SiteId("hospital-b")),
        replace(checkpoint, signatures=()),
    ):
        assert not changed.vouched_by_site(own.key, world.keys.verify)


def test_a_signature_under_another_name_does_not_count_as_the_sites() -> None:
    world = World()
    site = world.site()
    own = world.keys.signer("hospital-a")
    bare = replace(site.checkpoint(), signatures=())
    dressed_up = bare.cosigned("hospital-a", own.key, own.sign(bare.signed))
    assert not dressed_up.vouched_by_site(own.key, world.keys.verify)
    assert dressed_up.vouched_by("hospital-a", own.key, world.keys.verify)


def test_signing_again_replaces_the_earlier_signature() -> None:
    again = SIGNED.by_site(KEY, Signature("cd" * 64))
    assert [one.signature for one in again.signatures] == ["cd" * 64]
    both = again.cosigned("hospital-b", KEY, SIGNATURE).cosigned("hospital-b", KEY, SIGNATURE)
    assert len(both.signatures) == 2


def test_an_owner_is_no_site() -> None:
    world = World()
    site = world.site()
    bare = replace(site.checkpoint(), signatures=())
    owner = world.signer(OWNER)
    forged = bare.by_site(owner.key, owner.sign(bare.signed))
    assert not forged.vouched_by_site(world.keys.signer("hospital-a").key, world.keys.verify)
