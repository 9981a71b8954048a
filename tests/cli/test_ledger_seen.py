"""`securefed ledger checkpoint --of`: what a site signed of another's ledger."""

from pathlib import Path

from securefed.adapters.ed25519_keys import Ed25519Signer
from securefed.adapters.site_folder import SeenCheckpoints
from securefed.domain.canonical import digest_of
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.identifiers import SiteId
from securefed.domain.ledger import Head
from securefed.domain.witnessing import KeyedNote
from securefed.wiring import opened_site
from tests.cli.conftest import AT, Run


def test_what_a_site_signed_of_another_is_printed(ready: Run, tmp_path: Path) -> None:
    nothing = ready("ledger", "checkpoint", "--of", "hospital-b", *AT)
    assert (nothing.code, "has signed no checkpoint" in nothing.err) == (2, True)
    other = Ed25519Signer(b"b" * 32)
    made = Checkpoint(
        site=SiteId("hospital-b"), head=Head(size=3, hash=digest_of("test-entry", b"3"))
    )
    note = made.by_site(other.key, other.sign(made.signed)).note()
    opened = opened_site.open_site(tmp_path / "hospital-a")
    (signed,) = opened.witness().ask((KeyedNote(key=other.key, note=note),)).signed
    assert [*SeenCheckpoints(opened.folder.seen).seen().values()] == [signed]
    printed = ready("ledger", "checkpoint", "--of", "hospital-b", *AT)
    assert printed.out == signed.note
    again = ready("ledger", "checkpoint", "--of", "hospital-b", *AT, "--json").document
    assert (again["entries"], again["note"]) == (3, signed.note)
