"""One measurement in a process of its own, so that nothing is warm and memory counts from zero.

    python -m benchmarks.worlds.fresh_process verify ledger.db     # {"seconds": 7.4, …}

The peak is the resident memory that Linux reports for this process alone (VmHWM).
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from benchmarks.worlds.busy_site import opened
from benchmarks.worlds.jobs import DELTA, different_jobs
from securefed.adapters.ed25519_keys import PooledChecker
from securefed.adapters.odometer import Odometer
from securefed.adapters.sqlite_store import open_ledger
from securefed.steps.verify_ledger import Auditing, verify_ledger

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one fresh process took, and what it found."""

    seconds: float
    peak_mb: float
    result: str


def measure_fresh(what: str, argument: str) -> Measured:
    """Starts a process for one measurement."""
    command = [sys.executable, "-m", "benchmarks.worlds.fresh_process", what, argument]
    done = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True)
    return Measured(**json.loads(done.stdout))


def _open(ledger: str) -> str:
    """Opens a ledger as every command does."""
    return str(opened(open_ledger(Path(ledger))).register().head.size)


def _verify(ledger: str) -> str:
    """Verifies a ledger as `securefed ledger verify` does."""
    auditing = Auditing(checker=PooledChecker(), accountant=Odometer())
    report = verify_ledger(opened(open_ledger(Path(ledger))), auditing)
    return str(report.head.size)


def _report(jobs: str) -> str:
    """Derives ε of so many jobs, no two of them alike; a bound instead of it is refused."""
    loss = Odometer().loss(different_jobs(int(jobs)), Decimal(DELTA))
    if not loss.accountant.endswith("PLD"):
        raise AssertionError(f"The figure is from {loss.accountant}")
    return str(loss.epsilon)


_MEASURES: dict[str, Callable[[str], str]] = {"open": _open, "verify": _verify, "report": _report}


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text("ascii")
    [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(peak) / 1024


if __name__ == "__main__":
    _, what, argument = sys.argv
    start = time.perf_counter()
    result = _MEASURES[what](argument)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak_mb": _peak_mb(), "result": result}))
