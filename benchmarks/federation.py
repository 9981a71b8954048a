"""What a round costs beside its training, with everything real; and what very many sites cost.

Each federation is a process of its own: datasites behind PySyft, approval, ledger, walls, and a sum
that two custodians open (`worlds/federation_case.py`). A round's overhead is the whole of it less
the slowest site's training; the first round, in which runs start, is told apart. The crowd is
sites in memory with real sealing (`worlds/sealed_round_crowd.py`). Measured elsewhere, on two
processors of this kind: Flower deployed, heart disease, ten rounds 147 s from start to model and 12
to 14 s a later round; NVIDIA FLARE's proof of concept 55 s and 2.5 s; ten million plain parameters
of four clients 10.3 s and 3.3 s a round. Neither approves, accounts, seals or writes down.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import Bench, Goal, run

_ROOT = Path(__file__).parents[1]
_CROWD = (10, 100, 1000)
_CROWD_PARAMETERS = 100_000
# A grid two hundred times as fine as the noise; docs/combining.md says how to choose.
_LARGE_BITS = "12"
_SMALL, _LARGE = 310, 3156  # an mlp of 10 inputs has about the square of its width of parameters


def measure(bench: Bench) -> None:
    """All of it; the heart data may lie elsewhere."""
    bench.row("the machine before", "load", "processes that want to run", ours=os.getloadavg()[0])
    _small(bench)
    _heart(bench)
    _large(bench)
    _many(bench)


def _small(bench: Bench) -> None:
    found = _case("wide", "--sites", "3", "--width", str(_SMALL), "--rounds", "10")
    case = f"3 sites, {found['parameters']:,} parameters, dual custody"
    later = found["rounds"][1:]
    overhead = [_overhead(one) for one in later]
    goal = Goal("ours", "<=", 1.5)
    bench.row(case, "a later round beside training, median", "s", ours=_median(overhead), goal=goal)
    bench.row(case, "a later round beside training, slowest", "s", ours=max(overhead))
    bench.row(case, "the first round beside training", "s", ours=_overhead(found["rounds"][0]))
    bench.row(case, "a site's sealed update", "bytes", ours=found["update_bytes"])
    for part in _parts(later):
        bench.row(case, f"a later round: {part}", "s", ours=_median(_of(part, later)))


def _heart(bench: Bench) -> None:
    data = Path(os.environ.get("SECUREFED_DATA", _ROOT.parent / "shared" / "data"))
    if not data.is_dir():
        bench.row("heart disease", "left out: the data lie elsewhere", "s", ours=None)
        return
    found = _case("heart", "--data", str(data))
    case = "heart disease, 4 sites, 10 rounds, dual custody"
    goal = Goal("ours", "<=", 60)
    bench.row(case, "start to exported model", "s", ours=found["seconds"], goal=goal)
    bench.row(case, "of it until all have approved", "s", ours=found["setting_up"])
    bench.row(case, "a later round, median", "s", ours=_median(_wholes(found["rounds"][1:])))


def _large(bench: Bench) -> None:
    peaks = {}
    for sites in (2, 4):
        asked = ("--sites", str(sites), "--width", str(_LARGE), "--rounds", "5")
        found = _case("wide", *asked, "--bits", _LARGE_BITS)
        parameters = f"{found['parameters']:,} parameters of {_LARGE_BITS} bits"
        case = f"{sites} sites, {parameters}, dual custody"
        later = found["rounds"][1:]
        goal = Goal("ours", "<=", 15) if sites == 4 else None
        bench.row(case, "a later round, median", "s", ours=_median(_wholes(later)), goal=goal)
        bench.row(case, "beside training, median", "s", ours=_median(map(_overhead, later)))
        for part in _parts(later):
            bench.row(case, f"a later round: {part}", "s", ours=_median(_of(part, later)))
        peaks[sites] = found["peak_mb"]
    bench.row(
        "the coordinator, 4 sites beside 2",
        "peak memory",
        "MB",
        ours=peaks[4],
        peer=peaks[2],
        peer_name="2 sites",
        goal=Goal("ratio", "<=", 1.1),
    )


def _many(bench: Bench) -> None:
    """Sites in memory, with real sealing."""
    for suite in ("bfv", "mask"):
        first: dict[str, float] = {}
        for sites in _CROWD:
            arguments = (suite, "12", str(sites), str(_CROWD_PARAMETERS))
            found = _printed("benchmarks.worlds.sealed_round_crowd", *arguments)
            case = f"{sites:,} sites of {_CROWD_PARAMETERS:,} values under {suite}"
            bench.row(case, "a round", "s", ours=found["seconds"])
            bench.row(case, "peak memory", "MB", ours=found["peak_mb"])
            for part in ("sealing", "adding"):
                goal = Goal("ratio", "<=", 1.25)
                _beside_ten(bench, case, f"{part}, for each site", 1e3 * found[part], first, goal)
                # To ten sites three values fit where there are two for more: fewer ciphertexts.
                each = 1e3 * found[part] / found["chunks"]
                _beside_ten(bench, case, f"{part}, for each chunk of a file", each, first)


def _beside_ten(
    bench: Bench,
    case: str,
    measure: str,
    ours: float,
    first: dict[str, float],
    goal: Goal | None = None,
) -> None:
    peer = first.setdefault(measure, ours)
    name = f"{_CROWD[0]} sites"
    bench.row(case, measure, "ms", ours=ours, peer=peer, peer_name=name, goal=goal)


def _overhead(one: Mapping[str, Any]) -> float:
    return float(one["seconds"]) - sum(_of("train", [one]))


def _wholes(rounds: Sequence[Mapping[str, Any]]) -> list[float]:
    return [float(one["seconds"]) for one in rounds]


def _parts(rounds: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(part["part"] for one in rounds for part in one["parts"]))


def _of(part: str, rounds: Sequence[Mapping[str, Any]]) -> list[float]:
    return [float(one["seconds"]) for of in rounds for one in of["parts"] if one["part"] == part]


def _median(numbers: Iterable[float]) -> float:
    return statistics.median(numbers)


def _case(*arguments: str) -> Mapping[str, Any]:
    return _printed("benchmarks.worlds.federation_case", *arguments)


def _printed(module: str, *arguments: str) -> Mapping[str, Any]:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    run("The federation", measure, libraries=("syft", "torch", "opacus", "tenseal"))
