"""What the ledger costs: admitting a job, opening and verifying a long chain, reporting ε.

Every time of ours is the median of five. Chains and reports are measured in fresh processes, an
admission on the register that a running site holds. The peers are what people do without a ledger:
add every job up again with dp-accounting at each admission, or add up ε job by job; and, for the
chain, docs/verify_ledger.py, which checks hashes and signatures and nothing else.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import Bench, Goal, run
from benchmarks.worlds.busy_site import BusySite, opened
from benchmarks.worlds.fresh_process import Measured, measure_fresh
from benchmarks.worlds.jobs import DELTA, different_jobs
from benchmarks.worlds.naive import recomputed_epsilon, summed_epsilon
from securefed.adapters.sqlite_store import create_ledger
from securefed.ports import LedgerStore
from securefed.steps.export_ledger import export_ledger
from securefed.steps.keep_ledger import SiteLedger

_REPEATS = 5
_SCRIPT = Path(__file__).parents[1] / "docs" / "verify_ledger.py"
_COMMITTED = 10_000
_ENTRIES = 100_000
_REPORTED = 1_000
# The peers take tens of seconds, so they are measured once.
_AGAIN = "dp-accounting RDP adding 1,000 jobs again"
_SCRIPT_NAME = "docs/verify_ledger.py: hashes and signatures only"


def measure(bench: Bench) -> None:
    """Admission, the chain, the report."""
    jobs = different_jobs(_REPORTED)
    again = _seconds(lambda: recomputed_epsilon(jobs, float(DELTA)))
    with tempfile.TemporaryDirectory() as folder:
        _measure_admission(bench, Path(folder) / "jobs.db", again)
        _measure_chain(bench, Path(folder))
    _measure_report(bench, again, summed_epsilon(jobs, float(DELTA)))


def _measure_admission(bench: Bench, path: Path, again: float) -> None:
    site = BusySite()
    site.run_jobs(_COMMITTED, rounds=1, blocks=1)
    ledger = opened(_copied(site.store, path), clock=site.clock)
    both = [_admitted(site, ledger) for _ in range(_REPEATS)]
    parts = ("the budget's check alone", "checked, signed, chained, on the disk")
    for place, (part, goal) in enumerate(zip(parts, (None, Goal("ours", "<", 5)), strict=True)):
        bench.row(
            f"admit a job beside {_COMMITTED:,}: {part}",
            "time",
            "ms",
            ours=1e3 * statistics.median(times[place] for times in both),
            peer=1e3 * again,
            peer_name=_AGAIN,
            goal=goal,
        )
    _memory_row(bench, f"a site with {_COMMITTED:,} committed jobs", _fresh("open", str(path)))


def _admitted(site: BusySite, ledger: SiteLedger) -> tuple[float, float]:
    """How long the budget took to see that one more job fits, and how long its whole entry took."""
    request = site.file(ledger, rounds=1)
    event = site.approval(request, ledger)
    book = ledger.register().book(request.dataset)
    check = _seconds(lambda: book.need(request) <= book.left_for(request.requester))
    return check, _seconds(lambda: ledger.record(event))


def _measure_chain(bench: Bench, folder: Path) -> None:
    site = BusySite()
    while site.store.head().size < _ENTRIES:
        site.run_jobs(1, rounds=24, blocks=2)
    path, export = folder / "chain.db", folder / "chain.jsonl"
    ledger = opened(_copied(site.store, path))
    with export.open("w", encoding="utf-8") as file:
        file.writelines(export_ledger(ledger))
    key = ledger.register().site.key
    script = _seconds(lambda: _run_script(str(export), key))
    case = f"{site.store.head().size:,} entries"
    for what, said, goal in (
        ("open", "opened: chain, effects, last signature", None),
        ("verify", "verified: all signatures, totals", Goal("ours", "<", 10)),
    ):
        fresh = _fresh(what, str(path))
        _time_row(bench, f"{case} {said}", fresh, script, _SCRIPT_NAME, goal)
        _memory_row(bench, f"{case} {said}", fresh)


def _measure_report(bench: Bench, again: float, summed: float) -> None:
    fresh = _fresh("report", str(_REPORTED))
    case = f"ε of {_REPORTED:,} jobs, no two alike"
    _time_row(bench, case, fresh, again, _AGAIN, Goal("ours", "<", 60))
    _memory_row(bench, case, fresh)
    bench.row(
        case,
        "ε at δ=1e-6",
        "",
        ours=float(fresh[0].result),
        peer=summed,
        peer_name="the sum of each job's ε, at δ/1,000",
    )


def _time_row(
    bench: Bench, case: str, fresh: list[Measured], peer: float, name: str, goal: Goal | None
) -> None:
    ours = statistics.median(one.seconds for one in fresh)
    bench.row(case, "time", "s", ours=ours, peer=peer, peer_name=name, goal=goal)


def _memory_row(bench: Bench, case: str, fresh: list[Measured]) -> None:
    peak = max(one.peak_mb for one in fresh)
    bench.row(case, "peak memory", "MB", ours=peak, goal=Goal("ours", "<", 500))


def _fresh(what: str, argument: str) -> list[Measured]:
    return [measure_fresh(what, argument) for _ in range(_REPEATS)]


def _copied(store: LedgerStore, path: Path) -> LedgerStore:
    """The same entries in a new SQLite ledger, in one transaction."""
    copy = create_ledger(path)
    with copy.exclusive() as writer:
        head = writer.head()
        for stored in store.entries():
            head = writer.append(stored, head.size, head.hash)
    return copy


def _run_script(*arguments: str) -> None:
    command = [sys.executable, str(_SCRIPT), *arguments]
    subprocess.run(command, check=True, capture_output=True)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    run("The privacy ledger", measure, libraries=("pynacl", "dp-accounting"))
