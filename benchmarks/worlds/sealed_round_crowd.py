"""A coordinator of very many sites in a process of its own, whose memory is counted from zero.

    python -m benchmarks.worlds.sealed_round_crowd bfv 12 1000 1000000

One file at a time is made, checked and added, then the sum is opened and compared. The same process
makes the files, so its peak is an upper bound of the coordinator's. Under `mask` every update is
sealed anew. Under `bfv` a hundred are, and the other sites send these payloads in files of their
own, with their own names, digests and signatures: sealing a thousand takes minutes. (With very few
the sum is refused: the same noise again and again adds up faster than the proof allows for.) The
peak is the resident memory that Linux reports (VmHWM). Making the files and taking them in are
timed apart: the first is the sites' work, the second the coordinator's.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.worlds.sealed_round import SealedRound, described, sealed_round, values_of
from securefed.aggregation.shape import shape_of
from securefed.domain.study import Suite

_FRESH = 100
_VALUES = 4


def _files(one: SealedRound, folder: Path) -> Iterator[bytes]:
    """A file from each site, one after the other."""
    values = [values_of(seed, one.seal.parameters) for seed in range(_VALUES)]
    updates = [described(part) for part in values]
    for number in range(one.seal.contributors):
        kept = folder / str(number % _FRESH)
        if one.seal.masked or number < _FRESH:
            kind = number % _VALUES
            data = one.sealed(number, updates[kind], values[kind])
            if not one.seal.masked:
                kept.write_bytes(data)
            yield data
        else:
            yield one.under_another_name(number, kept.read_bytes())


class _Timed:
    """What is made, one after the other, and how long the making took; of the fresh ones, too."""

    def __init__(self, made: Iterator[bytes]) -> None:
        self._made, self.seconds = made, 0.0
        self.first: list[float] = []

    def __iter__(self) -> Iterator[bytes]:
        while True:
            began = time.perf_counter()
            found = next(self._made, None)
            took = time.perf_counter() - began
            self.seconds += took
            if found is None:
                return
            if len(self.first) < _FRESH:
                self.first.append(took)
            yield found


def _error(one: SealedRound, total: bytes) -> float:
    """By how many steps the opened average is off the plain one, at most."""
    plain = np.zeros(one.seal.parameters)
    for kind in range(_VALUES):
        share = len(range(kind, one.seal.contributors, _VALUES)) / one.seal.contributors
        plain += share * values_of(kind, one.seal.parameters)
    return float(np.abs(one.opened(total)[1] - plain).max()) / one.step


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text("ascii")
    [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(peak) / 1024


if __name__ == "__main__":
    _, suite, bits, sites, parameters = sys.argv
    one = sealed_round(Suite(suite), bits=int(bits), sites=int(sites), parameters=int(parameters))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        made = _Timed(_files(one, Path(folder)))
        total = one.summed(iter(made))
    seconds = time.perf_counter() - start
    error = _error(one, total)
    found = {"seconds": seconds, "peak_mb": _peak_mb(), "error": error}
    found["sealing"] = sum(made.first) / len(made.first)
    found["chunks"] = shape_of(one.seal).chunks
    found["adding"] = (seconds - made.seconds) / one.seal.contributors
    print(json.dumps(found))
