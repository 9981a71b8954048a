"""What every data watch does, and that the one on disk reads a file again only after a change."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from securefed.adapters.data_files import FileWatch, MemoryWatch
from securefed.adapters.data_files.watch import file_digest
from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import DatasetId, Digest
from securefed.domain.site import DataCard
from securefed.errors import DataDrifted, DataUnreadable, NotFound
from securefed.ports import DataWatch
from securefed.steps.check_data import DataPlaces, check_data
from tests.world import ADMISSIONS, World

FIRST, OTHER = b"patient,age\np1,40\np2,41\n", b"patient,age\np1,40\np2,14\n"
YEAR_NS = 365 * 24 * 3600 * 10**9


def card_of(data: bytes) -> DataCard:
    return replace(World().card(), data=digest_of("dataset", data))


class Places:
    """A watch and a way to put a file before it."""

    def __init__(self, watch: DataWatch, path: Path) -> None:
        self.watch = watch
        self.path = path

    def put(self, data: bytes) -> None:
        if isinstance(self.watch, MemoryWatch):
            self.watch.files[self.path] = data
        else:
            self.path.write_bytes(data)

    def remove(self) -> None:
        if isinstance(self.watch, MemoryWatch):
            del self.watch.files[self.path]
        else:
            self.path.unlink()


def later() -> int:
    """Long after every file here was written."""
    return time.time_ns() + YEAR_NS


@pytest.fixture(params=[FileWatch, lambda: FileWatch(now_ns=later), MemoryWatch])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Places:
    return Places(request.param(), tmp_path / "data.csv")


def test_the_file_on_the_card_is_expected_and_another_one_is_not(places: Places) -> None:
    places.put(FIRST)
    for _ in range(2):
        places.watch.expect(card_of(FIRST), places.path)
        with pytest.raises(DataDrifted, match="admissions"):
            places.watch.expect(card_of(OTHER), places.path)


def test_every_change_is_seen_and_so_is_its_undoing(places: Places) -> None:
    for data in (FIRST, OTHER, FIRST, FIRST + b"p3,1\n", b"", FIRST):
        places.put(data)
        places.watch.expect(card_of(data), places.path)
        wrong = card_of(OTHER if data == FIRST else FIRST)
        with pytest.raises(DataDrifted):
            places.watch.expect(wrong, places.path)


def test_a_file_that_is_gone_is_not_taken_for_the_one_that_was_there(places: Places) -> None:
    places.put(FIRST)
    places.watch.expect(card_of(FIRST), places.path)
    places.remove()
    with pytest.raises(DataUnreadable, match="Expected a file"):
        places.watch.expect(card_of(FIRST), places.path)


def test_before_a_round_the_file_is_where_it_was_noted_and_as_on_the_card(places: Places) -> None:
    places.put(FIRST)

    def find(dataset: DatasetId) -> DataPlaces:
        if dataset != ADMISSIONS:
            raise NotFound(f"It is not written down where {dataset} lies")
        return DataPlaces(data=places.path, mock=Path("mock.csv"))

    check_data(card_of(FIRST), find, places.watch)
    with pytest.raises(DataDrifted, match="admissions"):
        check_data(card_of(OTHER), find, places.watch)
    with pytest.raises(NotFound, match="labs"):
        check_data(replace(card_of(FIRST), dataset=DatasetId("labs")), find, places.watch)


# --- the watch on disk ---------------------------------------------------------------------------


class Counting:
    """A digest that counts how often it is made."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, stream: BinaryIO) -> Digest:
        self.made += 1
        return file_digest(stream)


def expecting(path: Path, now_ns: Callable[[], int]) -> tuple[Counting, Callable[[], None]]:
    counting = Counting()
    watch = FileWatch(counting, now_ns)
    return counting, lambda: watch.expect(card_of(FIRST), path)


def test_a_file_that_has_not_changed_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(FIRST)
    counting, expect = expecting(path, later)
    for _ in range(3):
        expect()
    assert counting.made == 1
    os.utime(path)
    expect()
    assert counting.made == 2


def test_a_change_with_the_old_time_put_back_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(FIRST)
    _, expect = expecting(path, later)
    expect()
    before = path.stat()
    path.write_bytes(OTHER)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DataDrifted):
        expect()


def test_another_file_of_the_same_size_and_time_in_its_place_is_seen(tmp_path: Path) -> None:
    path, other = tmp_path / "data.csv", tmp_path / "other.csv"
    path.write_bytes(FIRST)
    other.write_bytes(OTHER)
    _, expect = expecting(path, later)
    expect()
    before = path.stat()
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    with pytest.raises(DataDrifted):
        expect()


def test_a_file_that_was_changed_just_now_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(FIRST)
    counting, expect = expecting(path, lambda: path.stat().st_ctime_ns + 1)
    expect()
    expect()
    assert counting.made == 2


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(FIRST)

    def changing(stream: BinaryIO) -> Digest:
        found = file_digest(stream)
        path.write_bytes(OTHER + OTHER)
        return found

    watch = FileWatch(changing, later)
    with pytest.raises(DataDrifted, match="changed since it was opened"):
        watch.expect(card_of(FIRST), path)


def test_the_watch_digests_as_the_meter_does(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(FIRST * 100_000)
    with path.open("rb") as stream:
        assert file_digest(stream) == digest_of("dataset", FIRST * 100_000)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_unreadable(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    make(path)
    with pytest.raises(DataUnreadable, match="Expected a file"):
        FileWatch().expect(card_of(FIRST), path)
