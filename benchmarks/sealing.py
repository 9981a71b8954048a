"""What sealing costs beside NVIDIA FLARE's default encryption: bytes, a site's and a round's CPU.

Times are CPU times of whole processes, medians of runs that alternate with FLARE's, over ten sites.
FLARE runs its own code where SECUREFED_FLARE_PYTHON names an interpreter that has it; the peer's
name says which it was. FLARE's precision is higher: CKKS errs by about 1e-8, 12 bits by half of
1/2,047 of the range, which rounding by chance makes right on average. Beside that: whether sums are
exact, what a thousand sites take of the coordinator's memory, and what a second processor gains.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.harness import Bench, Goal, run
from benchmarks.worlds.flare_process import FlareProcess, Model
from benchmarks.worlds.sealed_round import SealedRound, described, sealed_round, values_of
from benchmarks.worlds.sealed_round_workers import block_seconds
from securefed.aggregation.packing import modulus_mask
from securefed.domain.study import Suite

T = TypeVar("T")
_ROOT = Path(__file__).parents[1]
_MODELS = (
    Model(name="one vector of 1M", layers=1, size=1_000_000),
    Model(name="96 tensors of 12,288", layers=96, size=12_288),
)
# How many times smaller and cheaper than FLARE: bytes of each model, a site, the coordinator.
_TARGETS = {
    Suite.BFV: ((7, 13), 4, 5),
    Suite.BFV_MASK: ((7, 13), 3.5, 5),
    Suite.MASK: ((20, 20), 200, 1000),
}
_BITS = 12
_SITES = 10
_REPEATS = 3
_CROWD = (1000, 1_000_000)


@dataclass(kw_only=True)
class Part:
    """One party's CPU times, ours and FLARE's, taken in turns."""

    ours: dict[Suite, list[float]] = field(default_factory=lambda: {one: [] for one in _TARGETS})
    peer: list[float] = field(default_factory=list)


def measure(bench: Bench) -> None:
    """The targets, then what holds whatever the peer does."""
    with FlareProcess() as flare:
        for place, model in enumerate(_MODELS):
            _beside_flare(bench, flare, model, place)
    for suite in _TARGETS:
        for sites in (2, 10, 100, 1000):
            _exactness(bench, suite, sites)
    for suite in (Suite.BFV, Suite.MASK):
        _crowd(bench, suite)
    _scaling(bench)


def _beside_flare(bench: Bench, flare: FlareProcess, model: Model, place: int) -> None:
    name, peer_size = flare.take(model), 0
    rounds = {suite: _round_of(suite, model) for suite in _TARGETS}
    values = values_of(1, model.parameters)
    update = described(values)
    files = {
        suite: [one.sealed(number, update, values) for number in range(_SITES)]
        for suite, one in rounds.items()
    }
    site, coordinator, opening = Part(), Part(), Part()
    for _ in range(_REPEATS):
        seconds, peer_size = flare.site()
        site.peer.append(seconds)
        coordinator.peer.append(flare.coordinator(_SITES))
        opening.peer.append(flare.opening())
        for suite, one in rounds.items():
            seconds, _ = _cpu(partial(one.sealed, 0, update, values))
            site.ours[suite].append(seconds)
            seconds, total = _cpu(partial(one.summed, files[suite]))
            coordinator.ours[suite].append(seconds)
            seconds, _ = _cpu(partial(one.opened, total))
            opening.ours[suite].append(seconds)
    for suite, (sizes, site_times, coordinator_times) in _TARGETS.items():
        case = f"{model.name}, {suite}, {_BITS} bits, {_SITES} sites"
        bench.row(
            case,
            "an update's size",
            "bytes a parameter",
            ours=len(files[suite][0]) / model.parameters,
            peer=peer_size / model.parameters,
            peer_name=name,
            goal=_times_less(sizes[place]),
        )
        _cpu_row(bench, case, "site", suite, site, name, _times_less(site_times))
        _cpu_row(
            bench, case, "coordinator", suite, coordinator, name, _times_less(coordinator_times)
        )
        _cpu_row(bench, case, "opening", suite, opening, name, None)


def _cpu_row(
    bench: Bench, case: str, party: str, suite: Suite, part: Part, name: str, goal: Goal | None
) -> None:
    bench.row(
        case,
        f"{party}, CPU",
        "ms",
        ours=1e3 * statistics.median(part.ours[suite]),
        peer=1e3 * statistics.median(part.peer),
        peer_name=name,
        goal=goal,
    )


def _exactness(bench: Bench, suite: Suite, sites: int) -> None:
    """One chunk of fresh sealings from each site, against the plain sum."""
    one = sealed_round(suite, bits=_BITS, sites=sites, parameters=4096)
    plain = np.zeros(one.seal.parameters)
    expected = np.zeros(one.shape.slots(0), np.uint64)
    files = []
    for number in range(sites):
        values = values_of(number, one.seal.parameters)
        update = described(values)
        [words] = one.packed(number, update, values, None).words()
        files.append(one.sealed(number, update, values, by_chance=False))
        expected += words
        plain += values / sites
    [words], average = one.opened(one.summed(files))
    wrong = np.count_nonzero(words != expected & modulus_mask(one.shape.packing))
    case = f"{sites:,} fresh updates under {suite}"
    bench.row(case, "wrong words", "", ours=wrong, goal=Goal("ours", "<=", 0))
    error = float(np.abs(average - plain).max()) / one.step
    # Half a step, and the rounding of float64.
    bench.row(case, "largest error", "steps", ours=error, goal=Goal("ours", "<=", 0.5 + 2**-30))


def _crowd(bench: Bench, suite: Suite) -> None:
    sites, parameters = _CROWD
    arguments = [str(suite), str(_BITS), str(sites), str(parameters)]
    command = [sys.executable, "-m", "benchmarks.worlds.sealed_round_crowd", *arguments]
    done = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    case = f"{sites:,} sites of {parameters:,} values under {suite}"
    bench.row(case, "peak memory", "MB", ours=found["peak_mb"], goal=Goal("ours", "<", 1000))
    bench.row(case, "largest error", "steps", ours=found["error"], goal=Goal("ours", "<=", 1))
    bench.row(case, "made, checked and added", "s", ours=found["seconds"])


def _scaling(bench: Bench) -> None:
    """The coordinator's workers: the blocks of a sum by one process and by two."""
    bench.row(
        "a block of a sum of 40 updates under bfv, two processes",
        "time",
        "ms",
        ours=1e3 * block_seconds(_BITS, 2),
        peer=1e3 * block_seconds(_BITS, 1),
        peer_name="one process",
    )


def _cpu(call: Callable[[], T]) -> tuple[float, T]:
    start = time.process_time()
    found = call()
    return time.process_time() - start, found


def _round_of(suite: Suite, model: Model) -> SealedRound:
    return sealed_round(suite, bits=_BITS, sites=_SITES, parameters=model.parameters)


def _times_less(times: float) -> Goal:
    return Goal("ratio", "<=", 1 / times)


if __name__ == "__main__":
    # For FLARE's process. Ours calls no BLAS where it is measured.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    run("Sealing", measure, libraries=("tenseal", "cryptography", "numpy"))
