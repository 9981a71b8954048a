"""The busy site of the benchmarks is a real one: its ledger verifies, and peers count the same."""

from pathlib import Path

import pytest

from benchmarks.worlds.busy_site import BusySite, opened
from benchmarks.worlds.fresh_process import measure_fresh
from benchmarks.worlds.jobs import DELTA, different_jobs
from benchmarks.worlds.naive import recomputed_epsilon, summed_epsilon
from securefed.adapters.ed25519_keys import PooledChecker
from securefed.adapters.odometer import Odometer
from securefed.adapters.sqlite_store import create_ledger
from securefed.steps.verify_ledger import Auditing, verify_ledger


def test_a_busy_sites_ledger_verifies_with_real_signatures() -> None:
    site = BusySite()
    site.run_jobs(3, rounds=2, blocks=2)
    auditing = Auditing(checker=PooledChecker(), accountant=Odometer())
    report = verify_ledger(opened(site.store), auditing)
    assert report.head == site.store.head()
    assert report.kinds["request-closed"] == 3
    assert report.kinds["steps-authorised"] == 12
    spent = next(one for one in report.totals if one.what == "spent")
    assert spent.counted > 0


def test_one_more_job_is_admitted_on_a_copy(tmp_path: Path) -> None:
    site = BusySite()
    site.run_jobs(1, rounds=1, blocks=1)
    copy = create_ledger(tmp_path / "ledger.db")
    with copy.exclusive() as writer:
        for stored in site.store.entries():
            head = writer.head()
            writer.append(stored, head.size, head.hash)
    ledger = opened(copy, clock=site.clock)
    request = site.file(ledger, rounds=1)
    ledger.record(site.approval(request, ledger))
    assert request.request in ledger.register().book(request.dataset).holds


def test_no_two_jobs_are_alike_and_adding_up_epsilon_costs_more() -> None:
    jobs = different_jobs(100)
    assert len(set(jobs)) == 100
    few = jobs[:3]
    delta = float(DELTA)
    assert 0 < recomputed_epsilon(few, delta) < summed_epsilon(few, delta)


@pytest.mark.slow
def test_a_fresh_process_says_its_time_and_its_memory() -> None:
    measured = measure_fresh("report", "2")
    assert measured.seconds > 0
    assert 10 < measured.peak_mb < 500
    assert 0 < float(measured.result) < 1
