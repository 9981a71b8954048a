"""How fast large files pass a site's blob channel, and in how much memory.

On loopback, each server in a process of its own, the median of the repeats. Ours checks a ticket
and a SHA-256 on both sides, and flushes to the disk before it says yes; the peer, Starlette's own
way on the same uvicorn, does none of that and may leave the bytes to the system.
"""

import http.client
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import Bench, Goal, run
from securefed.adapters.blob_http import BlobClient
from securefed.domain.blob import Direction
from tests.adapters.blob.place import Process

_MB = 1_000_000
_REPEATS = 3
_BLOCK = 1 << 20
_PEER = "Starlette on uvicorn, without ticket, digest and flush"
_WARM_MB, _MIDDLE_MB, _LARGE_MB = 1, 100, 300


def measure(bench: Bench) -> None:
    """Both ways at two sizes, then the servers' memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plain").mkdir()
        ours = Process(folder / "blobs")
        plain = Process(folder / "plain", "benchmarks.worlds.plain_http")
        try:
            _both_ways(ours, plain, folder, _WARM_MB)
            _rows(bench, ours, plain, folder, _MIDDLE_MB, Goal("ours", ">=", 100))
            middle = _peak_mb(ours), _peak_mb(plain)
            _rows(bench, ours, plain, folder, _LARGE_MB, Goal("ours", ">=", 100))
            large = _peak_mb(ours), _peak_mb(plain)
        finally:
            ours.kill()
            plain.kill()
    case = f"the site's process after {_LARGE_MB} MB both ways"
    bench.row(
        case,
        "peak memory",
        "MB",
        ours=large[0],
        peer=large[1],
        peer_name=_PEER,
        goal=Goal("ours", "<", 700),
    )
    bench.row(
        f"{_LARGE_MB} MB instead of {_MIDDLE_MB} MB",
        "growth of the peak",
        "MB",
        ours=large[0] - middle[0],
        goal=Goal("ours", "<", 8),
    )


def _rows(bench: Bench, ours: Process, plain: Process, folder: Path, size: int, goal: Goal) -> None:
    found = [_both_ways(ours, plain, folder, size) for _ in range(_REPEATS)]
    for index, way in enumerate(("up", "down")):
        medians = [
            size / statistics.median(one[2 * index + whose] for one in found) for whose in (0, 1)
        ]
        bench.row(
            f"{size} MB {way}",
            "rate",
            "MB/s",
            ours=medians[0],
            peer=medians[1],
            peer_name=_PEER,
            goal=goal,
        )


def _both_ways(ours: Process, plain: Process, folder: Path, size: int) -> tuple[float, ...]:
    """Seconds: up with ours and the peer, down with ours and the peer."""
    source, target = folder / "source", folder / "target"
    data = os.urandom(size * _MB)
    source.write_bytes(data)
    up = ours.place.ticket(data)
    down = ours.place.ticket(data, Direction.DOWNLOAD)
    client = BlobClient(ours.url)
    seconds = (
        _seconds(lambda: client.send(up, source)),
        _seconds(lambda: _plain_up(plain.port, source)),
        _seconds(lambda: client.fetch(down, target)),
        _seconds(lambda: _plain_down(plain.port, target)),
    )
    ours.store.clear(lambda _: False)
    return seconds


def _plain_up(port: int, source: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, blocksize=_BLOCK)
    with source.open("rb") as file:
        size = str(source.stat().st_size)
        connection.request("PUT", "/file", file, {"Content-Length": size})
        connection.getresponse().read()
    connection.close()


def _plain_down(port: int, target: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/file")
    with target.open("wb") as file:
        shutil.copyfileobj(connection.getresponse(), file, _BLOCK)
    connection.close()


def _seconds(call: Callable[[], object]) -> float:
    # What the system still has to write of an earlier transfer is not this one's time.
    os.sync()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _peak_mb(process: Process) -> float:
    status = Path(f"/proc/{process.running.pid}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    run("The blob channel", measure, libraries=("uvicorn", "starlette", "httptools", "uvloop"))
