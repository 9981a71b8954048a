"""A workload's study through real sites and custodians, for few rounds; and what must hold of any.

Published data are read from the folder that SECUREFED_DATA names, else from beside the checkout;
without them, or without a pretrained model, a journey is skipped and says why. Its coordinator is a
process of its own: a round begins with a search for private keys in the coordinator's memory, and
other tests leave some in this one.
"""

from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path

import pytest

from benchmarks.worlds.demonstrated import Ran, through_the_system
from benchmarks.worlds.workload_cases import published
from securefed.config import load_study
from securefed.errors import NotFound
from securefed.wiring.basics import shipped_file
from securefed.wiring.demo import Chosen
from securefed.wiring.demo_data import pretrained_folder
from securefed.wiring.workloads import workload_named
from securefed.wiring.workloads.workload import Workload


def journey(workload: Workload, rounds: int) -> Ran:
    """What came of so many rounds; ε is the same in the ledgers, the report and by a fresh
    accountant, and below what the whole study may cost."""
    data = published()
    try:
        workload.source(data)
        for one in workload.pretrained:
            pretrained_folder(one, None)
    except NotFound as error:
        pytest.skip(f"{error}: see docs/workloads.md")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        ran = pool.submit(_ran, str(workload.name), data, rounds).result()
    study = load_study(shipped_file(workload.study))
    assert ran.agrees, ran
    assert set(ran.ledger) == {one.site for one in study.participants}
    assert all(Decimal(0) < one < workload.epsilon for one in ran.ledger.values())
    return ran


def _ran(name: str, data: Path, rounds: int) -> Ran:
    chosen = Chosen(workload=workload_named(name), data=data, rounds=rounds)
    return through_the_system(chosen)
