"""A whole federation in a process of its own, measured: real sites, approval, ledger, dual custody.

    python -m benchmarks.worlds.federation_case wide --sites 3 --width 310 --rounds 6
    python -m benchmarks.worlds.federation_case heart --data FOLDER

`wide` trains an mlp on made-up numbers; only its size counts. One number of a site's update has
noise of deviation 0.1, and the seal's grid goes to ten times that; with 12 bits its step is 0.0005,
with 16 a sixteenth of it. It prints one JSON document: seconds
from the first step of setting up to the exported model, and each round by its parts. The process is
that of the coordinator and, before the rounds, of the people at the sites, so its peak of memory is
an upper bound of the coordinator's.
"""

import argparse
import json
import tempfile
import time
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np

from securefed.adapters.published_data.part import Described, column, write_part
from securefed.domain.identifiers import DatasetId, Name
from securefed.domain.site import ColumnType
from securefed.wiring.demo import Chosen, demonstrated
from securefed.wiring.round_times import round_times
from securefed.wiring.run import Watch
from securefed.wiring.workloads.heart import HEART
from securefed.wiring.workloads.workload import (
    PUBLISHED,
    Compared,
    HeldOut,
    Places,
    Workload,
)

_COLUMNS, _RECORDS = 10, 400
_STUDY = """\
title = "Wide"
name = "wide"
purpose = "benchmark"
[recipe]
name = "tabular"
version = "1.0.0"
[recipe.parameters]
target = "answer"
numeric = [{numeric}]
model = "mlp"
hidden = "{width},{width}"
learning_rate = 0.5
[model]
family = "mlp"
parameters = {parameters}
[rounds]
count = {rounds}
minimum_sites = 2
[privacy]
noise_multiplier = 4.0
sampling_rate = 0.1
steps = 4
clip = 1.0
[sealing]
suite = "bfv+mask"
update_bound = 1000.0
reach = 1.0
bits = {bits}
{sites}
"""


def _names(sites: int) -> list[str]:
    return [f"site-{place}" for place in range(sites)]


def _parameters(width: int) -> int:
    return width * (_COLUMNS + 1) + width * (width + 1) + width + 1


def _study(sites: int, width: int, rounds: int, bits: int) -> str:
    return _STUDY.format(
        bits=bits,
        numeric=", ".join(f'"n{place}:0:1"' for place in range(_COLUMNS)),
        width=width,
        parameters=_parameters(width),
        rounds=rounds,
        sites="".join(f'[sites.{name}]\ndataset = "numbers"\n' for name in _names(sites)),
    )


def _write(sites: int, _source: Path, places: Places) -> None:
    drawn = np.random.default_rng(0)
    numbers = [column(f"n{place}", ColumnType.DECIMAL, "A number") for place in range(_COLUMNS)]
    told = Described(
        dataset=DatasetId("numbers"),
        origin="Made up",
        licence="CC0",
        purposes=("benchmark",),
        columns=(*numbers, column("answer", ColumnType.BOOLEAN, "Whether the first is positive")),
    )
    for name in _names(sites):
        rows = drawn.normal(size=(_RECORDS, _COLUMNS)).round(4).tolist()
        answered = [[*row, str(row[0] > 0).lower()] for row in rows]
        write_part(places.data, name, f"Numbers of {name}", told, answered)


def _nothing(_held: HeldOut) -> float:
    return 0.0


def _wide(study: Path, sites: int) -> Workload:
    return Workload(
        name=Name("wide"),
        study=str(study),
        write=partial(_write, sites),
        epsilon=Decimal(8),
        delta=Decimal("1e-4"),
        compared=Compared(metric="accuracy", line=_nothing, line_is="nothing"),
        policy=PUBLISHED,
    )


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text("ascii")
    [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(peak) / 1024


def measured(chosen: Chosen, root: Path) -> dict[str, object]:
    """One federation, from its founding to the exported model."""
    began = time.monotonic()
    with demonstrated(root, chosen, keep=False) as demo:
        demo.found()
        demo.start()
        demo.file()
        demo.approve()
        ready = time.monotonic()
        demo.run(Watch(noted=lambda _: None, standing=lambda *_: None))
        done = time.monotonic()
        rounds = [one.document() for one in round_times(demo.opened.log.lines())]
        update = max(one.bytes for one in demo.opened.log.lines() if one.part == "fetch-update")
        parameters = demo.opened.study.model.parameters
    return {
        "seconds": done - began,
        "setting_up": ready - began,
        "running": done - ready,
        "ended": time.monotonic() - done,
        "parameters": parameters,
        "update_bytes": update,
        "peak_mb": _peak_mb(),
        "rounds": rounds,
    }


def main() -> None:
    """Reads what is wanted, and prints what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("case", choices=("wide", "heart"))
    parser.add_argument("--sites", type=int, default=3)
    parser.add_argument("--width", type=int, default=310)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--bits", type=int, default=16)
    parser.add_argument("--data", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="federation-") as folder:
        if asked.case == "heart":
            chosen = Chosen(workload=HEART, data=asked.data, rounds=10)
        else:
            study = Path(folder) / "wide.toml"
            study.write_text(
                _study(asked.sites, asked.width, asked.rounds, asked.bits), encoding="utf-8"
            )
            chosen = Chosen(workload=_wide(study, asked.sites))
        print(json.dumps(measured(chosen, Path(folder) / "federation")))


if __name__ == "__main__":
    main()
