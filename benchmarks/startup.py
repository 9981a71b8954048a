"""How long a person waits for the program: help, and a first plan.

Each figure is the median of fresh processes, beside a bare Python that does nothing, which is the
floor on this machine.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import Bench, Goal, run

_REPEATS = 7
_PROGRAM = ("-c", "from securefed.cli.app import main; main()")
_STUDY = str(Path(__file__).parents[1] / "sites" / "study.toml")


def measure(bench: Bench) -> None:
    """Help, a check of a new site, and the prediction for a study."""
    floor = _seconds("-c", "pass")
    with tempfile.TemporaryDirectory() as folder:
        site = str(Path(folder) / "site")
        subprocess.run(_command(*_PROGRAM, "site", "init", "a", "--folder", site), check=True)
        for case, arguments, goal in (
            ("securefed --help", ("--help",), Goal("ours", "<", 0.4)),
            ("securefed site check", ("site", "check", "--site", site), None),
            ("securefed study plan, three sites", ("study", "plan", _STUDY), None),
        ):
            ours = _seconds(*_PROGRAM, *arguments)
            bench.row(
                case, "time", "s", ours=ours, peer=floor, peer_name="python -c pass", goal=goal
            )


def _seconds(*arguments: str) -> float:
    return statistics.median(_once(*arguments) for _ in range(_REPEATS))


def _once(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run(_command(*arguments), check=True, capture_output=True)
    return time.perf_counter() - start


def _command(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


if __name__ == "__main__":
    run("How long a person waits", measure, libraries=("typer", "pydantic", "dp-accounting"))
