"""A site's folder: private, whole, and a run may see nothing of it but its scratch place."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from securefed.adapters.site_folder import (
    ServingNote,
    SiteFolder,
    find_serving,
    forget_serving,
    note_serving,
)
from securefed.domain.identifiers import AccountId, Line, RequestId
from securefed.domain.walls import refuse_sight
from securefed.errors import AlreadyExists, NumberInvalid, StorageFailed, WallsTooWide

NOTE = ServingNote(
    host=Line("::1"), port=1, tls=False, pid=os.getpid(), since=datetime(2026, 11, 21, tzinfo=UTC)
)


@pytest.fixture
def folder(tmp_path: Path) -> SiteFolder:
    made = SiteFolder(tmp_path / "site")
    made.create()
    return made


def test_every_folder_is_for_its_owner_alone(folder: SiteFolder) -> None:
    made = [folder.root, *(path for path in folder.root.iterdir() if path.is_dir())]
    assert len(made) == 12
    assert {path.stat().st_mode & 0o777 for path in made} == {0o700}
    for path in (folder.datasite, folder.blobs, folder.runs, folder.logs, folder.kept, folder.tls):
        assert path in made


def test_a_run_sees_its_scratch_folder_and_nothing_private(folder: SiteFolder) -> None:
    refuse_sight((str(folder.runs.resolve() / "run-1"),), folder.private)
    for path in (
        folder.root,
        folder.settings,
        folder.ledger,
        folder.kept_checkpoint,
        folder.site_key,
        folder.account_key(AccountId("olivia")),
        folder.plans,
        folder.figures,
        folder.datasite,
        folder.blobs / "half",
        folder.logs / "run.log",
        folder.kept,
        folder.tls / "ca.key",
    ):
        with pytest.raises(WallsTooWide):
            refuse_sight((str(path.resolve()),), folder.private)


def test_what_is_private_is_named_without_links(folder: SiteFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder.root)
    assert SiteFolder(tmp_path / "link").private == folder.private


def test_what_fails_within_leaves_nothing(tmp_path: Path) -> None:
    made = SiteFolder(tmp_path / "site")

    def interrupted() -> None:
        with made.created():
            made.site_key.write_text("secret")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not made.root.exists()


def test_a_folder_with_something_in_it_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(AlreadyExists), SiteFolder(tmp_path).created():
        raise AssertionError
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_note_is_found_as_it_was_written_by_its_owner_alone(folder: SiteFolder) -> None:
    assert find_serving(folder.serving) is None
    note_serving(folder.serving, NOTE)
    assert find_serving(folder.serving) == NOTE
    assert NOTE.address == "http://[::1]:1"
    assert folder.serving.stat().st_mode & 0o777 == 0o600
    assert len(list(folder.root.glob("serving*"))) == 1
    forget_serving(folder.serving)
    forget_serving(folder.serving)
    assert find_serving(folder.serving) is None


def test_a_process_does_not_forget_the_note_of_another(folder: SiteFolder) -> None:
    other = replace(NOTE, pid=os.getppid())
    note_serving(folder.serving, other)
    forget_serving(folder.serving)
    assert find_serving(folder.serving) == other


def test_what_studies_keep_is_removed_when_nobody_wants_it(folder: SiteFolder) -> None:
    wanted, other = RequestId("cr-000000000001"), RequestId("cr-000000000002")
    for path in (*folder.all_kept_of(wanted), *folder.all_kept_of(other)):
        path.write_bytes(b"kept")
    folder.forget_kept(lambda request: request == wanted)
    assert {*folder.kept.iterdir()} == {*folder.all_kept_of(wanted)}
    left = folder.kept / "tmp-of-a-killed-attempt"
    left.mkdir()
    (left / "update").write_bytes(b"left")
    folder.sweep_kept()
    assert {*folder.kept.iterdir()} == {*folder.all_kept_of(wanted)}


@pytest.mark.parametrize("bytes_", [b"", b"{", b"[]", b'{"port": 8400}'])
def test_a_note_that_cannot_be_read_is_none(folder: SiteFolder, bytes_: bytes) -> None:
    folder.serving.write_bytes(bytes_)
    assert find_serving(folder.serving) is None


def test_a_note_with_an_impossible_port_is_refused_or_none(folder: SiteFolder) -> None:
    with pytest.raises(NumberInvalid):
        ServingNote(host=NOTE.host, port=65_536, tls=False, pid=7, since=NOTE.since)
    note_serving(folder.serving, NOTE)
    written = json.loads(folder.serving.read_bytes())
    folder.serving.write_text(json.dumps(written).replace(": 1,", ": 65536,"))
    assert find_serving(folder.serving) is None


def test_a_note_that_cannot_be_written_is_an_error(folder: SiteFolder) -> None:
    with pytest.raises(StorageFailed):
        note_serving(folder.root / "nowhere" / "serving.json", NOTE)
