"""What every BlobStore does: whole and checked or not there, one writer, a quota, a clearing."""

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.adapters.blob_files import FolderBlobs, MemoryBlobs
from securefed.domain.blob import BlobId, Held
from securefed.domain.identifiers import Digest, RequestId
from securefed.domain.round import RoundId
from securefed.errors import (
    BlobBusy,
    BlobDamaged,
    BlobLengthWrong,
    BlobQuotaFull,
    NotFound,
    TicketSpent,
)
from securefed.ports import BlobStore
from tests.world import digest

DATA = b"sealed words " * 10
OF = RoundId(request=RequestId("cr-7f3a90b1c2d4"), round=3, attempt=1)
OTHER = replace(OF, attempt=2)
NOTHING = Held(length=0, whole=False)
Make = Callable[[Path, int], BlobStore]
MAKERS: dict[str, Make] = {
    "memory": lambda _, quota: MemoryBlobs(quota),
    "folder": lambda path, quota: FolderBlobs(path / "blobs", quota),
}


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param]


@pytest.fixture
def store(make: Make, tmp_path: Path) -> BlobStore:
    return make(tmp_path, 1000)


def blob_of(data: bytes, of: RoundId = OF) -> BlobId:
    return BlobId(of=of, digest=Digest(f"sha256:{hashlib.sha256(data).hexdigest()}"))


BLOB = blob_of(DATA)


def put(store: BlobStore, data: bytes, of: RoundId = OF, announced: int | None = None) -> BlobId:
    """Writes data in two pieces, as the blob of this attempt."""
    blob = blob_of(data, of)
    begin(store, blob, data[:7], len(data) if announced is None else announced)
    with closing(store.writer(blob, len(data) if announced is None else announced)) as writer:
        writer.write(data[7:])
        writer.finish()
    return blob


def begin(store: BlobStore, blob: BlobId, data: bytes, length: int) -> None:
    with closing(store.writer(blob, length)) as writer:
        writer.write(data)


def read(store: BlobStore, blob: BlobId) -> bytes:
    with store.open(blob) as file:
        return file.read()


def test_what_was_finished_is_there_whole(store: BlobStore) -> None:
    assert store.held(BLOB) == NOTHING
    put(store, DATA)
    assert store.held(BLOB) == Held(length=len(DATA), whole=True)
    assert read(store, BLOB) == DATA


def test_a_part_is_not_seen_and_goes_on_where_it_ended(store: BlobStore) -> None:
    begin(store, BLOB, DATA[:50], len(DATA))
    assert store.held(BLOB) == Held(length=50, whole=False)
    with pytest.raises(NotFound):
        store.open(BLOB)
    with closing(store.writer(BLOB, len(DATA))) as writer:
        assert writer.held == 50
        writer.write(DATA[50:])
        with pytest.raises(NotFound):
            store.open(BLOB)
        writer.finish()
    assert read(store, BLOB) == DATA


def test_a_whole_blob_is_not_written_again(store: BlobStore) -> None:
    put(store, DATA)
    with pytest.raises(TicketSpent):
        store.writer(BLOB, len(DATA))
    assert read(store, BLOB) == DATA


def test_one_byte_too_many_is_refused_and_the_rest_kept(store: BlobStore) -> None:
    with closing(store.writer(BLOB, len(DATA))) as writer:
        writer.write(DATA[:-1])
        with pytest.raises(BlobLengthWrong):
            writer.write(DATA[-1:] + b"x")
        writer.write(DATA[-1:])
        writer.finish()
    assert read(store, BLOB) == DATA


@pytest.mark.parametrize("length", [0, 1, len(DATA) - 1])
def test_too_few_bytes_make_no_blob(store: BlobStore, length: int) -> None:
    with closing(store.writer(BLOB, len(DATA))) as writer:
        writer.write(DATA[:length])
        with pytest.raises(BlobLengthWrong, match=f"{length} of {len(DATA)}"):
            writer.finish()
    assert store.held(BLOB) == Held(length=length, whole=False)


def test_wrong_bytes_are_thrown_away(store: BlobStore) -> None:
    with closing(store.writer(BLOB, len(DATA))) as writer:
        writer.write(b"X" + DATA[1:])
        with pytest.raises(BlobDamaged):
            writer.finish()
    assert store.held(BLOB) == NOTHING
    put(store, DATA)
    assert read(store, BLOB) == DATA


def test_what_came_before_is_part_of_the_digest(store: BlobStore) -> None:
    begin(store, BLOB, b"X", len(DATA))
    with closing(store.writer(BLOB, len(DATA))) as writer:
        writer.write(DATA[1:])
        with pytest.raises(BlobDamaged):
            writer.finish()


def test_one_writes_at_a_time(store: BlobStore) -> None:
    with closing(store.writer(BLOB, len(DATA))) as writer:
        writer.write(DATA[:5])
        with pytest.raises(BlobBusy):
            store.writer(BLOB, len(DATA))
        put(store, DATA, OTHER)
    with closing(store.writer(BLOB, len(DATA))) as writer:
        assert writer.held == 5


def test_a_part_that_is_longer_than_the_blob_begins_anew(store: BlobStore) -> None:
    begin(store, BLOB, DATA[:9], len(DATA))
    with closing(store.writer(BLOB, 8)) as writer:
        assert writer.held == 0


def test_attempts_share_nothing(store: BlobStore) -> None:
    put(store, DATA)
    assert store.held(blob_of(DATA, OTHER)) == NOTHING
    with pytest.raises(NotFound):
        store.open(blob_of(DATA, OTHER))


def test_the_quota_counts_whole_blobs_and_parts(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path, 3 * len(DATA))
    put(store, DATA)
    begin(store, blob_of(DATA, OTHER), DATA[:10], len(DATA))
    third = blob_of(b"x" * len(DATA))
    with closing(store.writer(third, 2 * len(DATA) - 10)):
        pass
    with pytest.raises(BlobQuotaFull):
        store.writer(third, 2 * len(DATA) - 9)


def test_the_quota_counts_what_others_have_announced(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path, 2 * len(DATA) - 1)
    writer = store.writer(BLOB, len(DATA))
    with pytest.raises(BlobQuotaFull):
        store.writer(blob_of(DATA, OTHER), len(DATA))
    writer.close()
    store.writer(blob_of(DATA, OTHER), len(DATA)).close()


def test_a_blob_that_fills_the_quota_can_go_on(make: Make, tmp_path: Path) -> None:
    put(make(tmp_path, len(DATA)), DATA)


def test_a_spent_ticket_stays_spent_for_its_round_alone(store: BlobStore) -> None:
    put(store, DATA)
    put(store, DATA, OTHER)
    assert not store.spent(OF, digest("nonce"))
    store.spend(OF, digest("nonce"))
    store.spend(OF, digest("nonce"))
    assert store.spent(OF, digest("nonce"))
    assert not store.spent(OF, digest("another"))
    assert not store.spent(OTHER, digest("nonce"))


def test_a_round_of_which_nothing_is_kept_has_no_tickets(store: BlobStore) -> None:
    with pytest.raises(NotFound):
        store.spend(OF, digest("nonce"))


def test_clearing_removes_what_is_over_and_nothing_else(store: BlobStore) -> None:
    put(store, DATA)
    put(store, DATA, OTHER)
    begin(store, blob_of(b"part"), b"pa", 4)
    store.spend(OF, digest("nonce"))
    assert store.clear(lambda of: of == OTHER) == len(DATA) + 2
    assert store.held(BLOB) == store.held(blob_of(b"part")) == NOTHING
    assert not store.spent(OF, digest("nonce"))
    assert read(store, blob_of(DATA, OTHER)) == DATA
    assert store.clear(lambda of: of == OTHER) == 0


def test_an_empty_store_is_cleared_at_once(store: BlobStore) -> None:
    assert store.clear(lambda _: False) == 0


def test_clearing_makes_room(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path, len(DATA))
    put(store, DATA)
    store.clear(lambda _: False)
    put(store, DATA, OTHER)


@given(pieces=st.lists(st.binary(max_size=40), min_size=1, max_size=6))
def test_any_pieces_make_the_whole(pieces: list[bytes]) -> None:
    data = b"".join(pieces) + b"."
    memory = MemoryBlobs(1000)
    blob = blob_of(data)
    for piece in pieces:
        begin(memory, blob, piece, len(data))
    with closing(memory.writer(blob, len(data))) as writer:
        writer.write(b".")
        writer.finish()
    assert read(memory, blob) == data
