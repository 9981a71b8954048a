"""A site's process killed during an upload and a download, and its memory with 64 MB each way."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from securefed.domain.blob import Direction
from securefed.errors import BlobUnreachable
from tests.adapters.blob.place import Process, blob_of, client

pytestmark = pytest.mark.slow

MB = 1 << 20
DATA = os.urandom(MB) * 64
ALLOWED_GROWTH_MB = 24


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path / "blobs")
    yield process
    process.kill()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_bytes(DATA)
    return path


def kill_when_longer(process: Process, part: Path, size: int) -> threading.Thread:
    """Kills the process as soon as the file has this many bytes, or too late, when it is whole."""

    def watch() -> None:
        while not part.with_suffix("").exists():
            with suppress(FileNotFoundError):
                if part.stat().st_size >= size:
                    break
            os.sched_yield()
        process.kill()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def peak_mb(process: Process) -> float:
    status = Path(f"/proc/{process.running.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def test_an_upload_survives_the_killing_of_the_site(process: Process, source: Path) -> None:
    part = process.store.path(blob_of(DATA)).with_suffix(".part")
    killer = kill_when_longer(process, part, 8 * MB)
    left: list[int] = []

    def restart(_: float) -> None:
        killer.join()
        if not left:
            left.append(part.stat().st_size)
            process.start()

    client(process.url, wait=restart).send(process.place.ticket(DATA), source)
    assert 8 * MB <= left[0] < len(DATA)
    assert process.store.path(blob_of(DATA)).read_bytes() == DATA


def test_a_download_survives_the_killing_of_the_site(
    process: Process, source: Path, tmp_path: Path
) -> None:
    client(process.url).send(process.place.ticket(DATA), source)
    part = tmp_path / "back.part"
    killer = kill_when_longer(process, part, 8 * MB)
    left: list[int] = []

    def restart(_: float) -> None:
        killer.join()
        if not left:
            left.append(part.stat().st_size)
            process.start()

    ticket = process.place.ticket(DATA, Direction.DOWNLOAD)
    client(process.url, wait=restart).fetch(ticket, tmp_path / "back")
    assert 8 * MB <= left[0] < len(DATA)
    assert (tmp_path / "back").read_bytes() == DATA


def test_a_call_that_gave_up_is_gone_on_with_by_the_next(process: Process, source: Path) -> None:
    part = process.store.path(blob_of(DATA)).with_suffix(".part")
    killer = kill_when_longer(process, part, 8 * MB)
    ticket = process.place.ticket(DATA)
    with pytest.raises(BlobUnreachable):
        client(process.url).send(ticket, source)
    killer.join()
    assert part.stat().st_size >= 8 * MB
    process.start()
    client(process.url).send(ticket, source)
    assert process.store.held(blob_of(DATA)).whole


def test_the_sites_memory_does_not_grow_with_the_blob(
    process: Process, source: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.write_bytes(DATA[:1000])
    client(process.url).send(process.place.ticket(DATA[:1000]), small)
    before = peak_mb(process)
    client(process.url).send(process.place.ticket(DATA), source)
    ticket = process.place.ticket(DATA, Direction.DOWNLOAD)
    client(process.url).fetch(ticket, tmp_path / "back")
    assert peak_mb(process) - before < ALLOWED_GROWTH_MB
