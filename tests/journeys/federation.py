"""A workload's study through real sites and custodians, for few rounds; and what must hold of any.

Published data are read from the folder that SECUREFED_DATA names, else from beside the checkout;
without them, or without a pretrained model, a journey is skipped and says why. Its coordinator is a
process of its own: a round begins with a search for private keys in the coordinator's memory, and
other tests leave some in this one.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

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

Asked = ParamSpec("Asked")
Found = TypeVar("Found")


def journey(workload: Workload, rounds: int, model: Path | None = None) -> Ran:
    """What came of so many rounds; ε is the same in the ledgers, the report and by a fresh
    accountant, and below what the whole study may cost. The exported model goes to `model`."""
    ran = apart(_ran, str(workload.name), data_of(workload), rounds, model)
    study = load_study(shipped_file(workload.study))
    assert ran.agrees, ran
    assert set(ran.ledger) == {one.site for one in study.participants}
    assert all(Decimal(0) < one < workload.epsilon for one in ran.ledger.values())
    return ran


def data_of(workload: Workload) -> Path:
    """The folder of published data, where all that a workload needs is here."""
    data = published()
    try:
        workload.source(data)
        for one in workload.pretrained:
            pretrained_folder(one, None)
    except NotFound as error:
        pytest.skip(f"{error}: see docs/workloads.md")
    return data


def apart(function: Callable[Asked, Found], *args: Asked.args, **kwargs: Asked.kwargs) -> Found:
    """What a function answers in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args, **kwargs).result()


def _ran(name: str, data: Path, rounds: int, model: Path | None) -> Ran:
    chosen = Chosen(workload=workload_named(name), data=data, rounds=rounds)
    return through_the_system(chosen, model)
