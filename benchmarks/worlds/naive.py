"""What people do without a ledger, on dp-accounting: add everything up again, or add up ε.

The peers of the ledger's benchmark. Neither is sound for jobs chosen after seeing results, which
the ledger's admission is; they are here for their time and for their figure.
"""

import math
from collections.abc import Iterable

from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent
from dp_accounting.rdp import RdpAccountant

from securefed.domain.privacy import DpSgd


def recomputed_epsilon(jobs: Iterable[DpSgd], delta: float) -> float:
    """ε of all jobs, each added to a new accountant in turn."""
    accountant = RdpAccountant()
    for job in jobs:
        _add(accountant, job)
    return float(accountant.get_epsilon(delta))


def summed_epsilon(jobs: tuple[DpSgd, ...], delta: float) -> float:
    """The sum of each job's own ε, at an equal part of δ."""
    return math.fsum(recomputed_epsilon((job,), delta / len(jobs)) for job in jobs)


def _add(accountant: RdpAccountant, job: DpSgd) -> None:
    gaussian = GaussianDpEvent(float(job.noise_multiplier))
    accountant.compose(PoissonSampledDpEvent(float(job.sampling_rate), gaussian), job.steps)
