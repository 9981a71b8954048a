"""What every shelf of seen checkpoints does; and what the one on the disk refuses."""

from pathlib import Path

import pytest

from securefed.adapters.memory import MemoryKeys, MemorySeen
from securefed.adapters.site_folder import SeenCheckpoints
from securefed.domain.canonical import digest_of
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.identifiers import SiteId
from securefed.domain.ledger import Head
from securefed.domain.witnessing import KeyedNote
from securefed.errors import CheckpointInvalid, NotCanonical, RecordInvalid, StorageFailed
from securefed.parties.witness import WitnessShelf

KEYS = MemoryKeys()


def note(name: str, size: int) -> KeyedNote:
    signer = KEYS.signer(name)
    head = Head(size=size, hash=digest_of("test-entry", f"{name} {size}".encode()))
    made = Checkpoint(site=SiteId(name), head=head)
    signed = made.by_site(signer.key, signer.sign(made.signed))
    return KeyedNote(key=signer.key, note=signed.note())


@pytest.fixture(params=["memory", "folder"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> WitnessShelf:
    return MemorySeen() if request.param == "memory" else SeenCheckpoints(tmp_path / "seen")


def test_the_newest_of_each_key_is_there(shelf: WitnessShelf) -> None:
    assert not shelf.seen()
    for one in (note("hospital-b", 3), note("registry", 1), note("hospital-b", 4)):
        shelf.keep(one)
    kept = {note("hospital-b", 4), note("registry", 1)}
    assert shelf.seen() == {one.key: one for one in kept}


def test_what_is_kept_is_there_in_the_next_process(tmp_path: Path) -> None:
    SeenCheckpoints(tmp_path / "seen").keep(note("hospital-b", 3))
    assert [*SeenCheckpoints(tmp_path / "seen").seen().values()] == [note("hospital-b", 3)]
    assert (tmp_path / "seen").stat().st_mode & 0o077 == 0


def test_a_file_that_was_touched_is_no_ledger_that_was_never_seen(tmp_path: Path) -> None:
    shelf = SeenCheckpoints(tmp_path / "seen")
    shelf.keep(note("hospital-b", 3))
    [file] = (tmp_path / "seen").iterdir()
    whole = file.read_bytes()
    for damaged in (b"", whole[:-1], whole[:-9] + b"\xff" + whole[-8:]):
        file.write_bytes(damaged)
        with pytest.raises((RecordInvalid, NotCanonical)):
            shelf.seen()
    file.write_bytes(whole)
    file.rename(file.with_name("0" * 64 + ".json"))
    with pytest.raises(CheckpointInvalid):
        shelf.seen()


def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "seen").write_text("a file")
    with pytest.raises(StorageFailed):
        SeenCheckpoints(tmp_path / "seen").keep(note("hospital-b", 3))
