"""The folder of blobs: private files, crashes, a full disk, and names that lead nowhere else."""

import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from securefed.adapters.blob_files import FolderBlobs
from securefed.domain.blob import BlobId, Held
from securefed.domain.identifiers import Digest, RequestId
from securefed.domain.round import RoundId
from securefed.errors import (
    BlobBusy,
    BlobDamaged,
    BlobLengthWrong,
    BlobQuotaFull,
    IdentifierInvalid,
    StorageFailed,
)
from tests.adapters.blob.place import OF, QUOTA, blob_of, files_end_at
from tests.world import digest

DATA = bytes(range(256)) * 16
BLOB = blob_of(DATA)


@pytest.fixture
def store(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs", QUOTA)


def begin(store: FolderBlobs, data: bytes, blob: BlobId = BLOB) -> None:
    with closing(store.writer(blob, len(DATA))) as writer:
        writer.write(data)


def put(store: FolderBlobs, blob: BlobId = BLOB) -> None:
    with closing(store.writer(blob, len(DATA))) as writer:
        writer.write(DATA[writer.held :])
        writer.finish()


def test_everything_is_private_and_named_by_its_digest(store: FolderBlobs, tmp_path: Path) -> None:
    put(store)
    begin(store, b"part", blob_of(b"other"))
    store.spend(OF, digest("nonce"))
    folder = tmp_path / "blobs" / "cr-7f3a90b1c2d4.3.1"
    names = {
        BLOB.digest[7:],
        f"{blob_of(b'other').digest[7:]}.part",
        f"{digest('nonce')[7:]}.spent",
    }
    assert {path.name for path in folder.iterdir()} == names
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert store.path(BLOB).read_bytes() == DATA


def test_another_process_goes_on_where_one_was_killed(store: FolderBlobs, tmp_path: Path) -> None:
    begin(store, DATA[:1000])
    again = FolderBlobs(tmp_path / "blobs", QUOTA)
    assert again.held(BLOB) == Held(length=1000, whole=False)
    put(again)
    assert store.held(BLOB).whole


def test_another_process_does_not_write_beside_this_one(store: FolderBlobs, tmp_path: Path) -> None:
    with (
        closing(store.writer(BLOB, len(DATA))),
        pytest.raises(BlobBusy),
    ):
        FolderBlobs(tmp_path / "blobs", QUOTA).writer(BLOB, len(DATA))


def test_a_part_that_a_crash_of_the_machine_spoiled_is_noticed(store: FolderBlobs) -> None:
    begin(store, DATA[:1000])
    part = store.path(BLOB).with_suffix(".part")
    part.write_bytes(bytes(1000))
    with pytest.raises(BlobDamaged):
        put(store)
    put(store)
    assert store.path(BLOB).read_bytes() == DATA


def test_a_full_disk_is_named_and_loses_nothing(store: FolderBlobs) -> None:
    with closing(store.writer(BLOB, len(DATA))) as writer:
        with files_end_at(1500), pytest.raises(StorageFailed):
            writer.write(DATA)
        with pytest.raises(BlobLengthWrong, match="0 of 4096 bytes came"):
            writer.finish()
    assert store.held(BLOB) == Held(length=1500, whole=False)
    put(store)
    assert store.path(BLOB).read_bytes() == DATA


def test_a_round_cleared_during_an_upload_keeps_nothing(store: FolderBlobs) -> None:
    with closing(store.writer(BLOB, len(DATA))) as writer:
        writer.write(DATA)
        assert store.clear(lambda _: False) == len(DATA)
        with pytest.raises(StorageFailed):
            writer.finish()
    assert store.held(BLOB) == Held(length=0, whole=False)


def test_an_attempt_that_begins_during_the_clearing_keeps_its_blobs(store: FolderBlobs) -> None:
    later = replace(OF, attempt=2)
    asked = []

    def in_use(of: RoundId) -> bool:
        asked.append(of)
        put(store, blob_of(DATA, later))
        return False

    put(store)
    store.clear(in_use)
    assert asked == [OF]
    assert store.held(blob_of(DATA, later)).whole


def test_a_clearing_that_was_killed_is_finished_by_the_next(store: FolderBlobs) -> None:
    put(store)
    begin(store, b"part", blob_of(b"other"))
    # What a kill between two removals leaves.
    store.path(BLOB).unlink()
    assert store.clear(lambda _: False) == 4
    assert store.clear(lambda _: False) == 0


def test_what_is_not_an_attempts_folder_is_left_alone(store: FolderBlobs, tmp_path: Path) -> None:
    put(store)
    for name in ("notes", "cr-7f3a90b1c2d4.3", "cr-7f3a90b1c2d4.03.1", "cr-7f3a90b1c2d4.3.1.bak"):
        (tmp_path / "blobs" / name).mkdir()
    store.clear(lambda _: False)
    assert len(list((tmp_path / "blobs").iterdir())) == 4


def test_a_link_in_a_blobs_place_is_not_followed(store: FolderBlobs, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(DATA)
    put(store)
    store.path(BLOB).unlink()
    store.path(BLOB).symlink_to(secret)
    with pytest.raises(StorageFailed):
        store.open(BLOB)
    store.path(BLOB).unlink()
    store.path(BLOB).with_suffix(".part").symlink_to(secret)
    with pytest.raises(StorageFailed):
        store.writer(BLOB, len(DATA))
    assert secret.read_bytes() == DATA


@pytest.mark.parametrize("name", ["../../etc/passwd", "sha256:../../etc/passwd", "", "."])
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    with pytest.raises(IdentifierInvalid):
        Digest(name)
    with pytest.raises(IdentifierInvalid):
        RequestId(name)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file")
    with pytest.raises(StorageFailed):
        FolderBlobs(tmp_path / "blobs", QUOTA).writer(BLOB, len(DATA))


def test_many_write_at_once_and_the_quota_is_kept(tmp_path: Path) -> None:
    store = FolderBlobs(tmp_path / "blobs", 60 * len(DATA))
    blobs = [blob_of(DATA, replace(OF, attempt=1 + number)) for number in range(60)]

    def write(blob: BlobId) -> None:
        for number in range(2):
            with closing(store.writer(blob, len(DATA))) as writer:
                writer.write(DATA[writer.held :][: len(DATA) // 2])
                if number:
                    writer.finish()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, blobs))
    assert all(store.held(blob).whole for blob in blobs)
    with pytest.raises(BlobQuotaFull):
        store.writer(blob_of(b"one more"), 1)
