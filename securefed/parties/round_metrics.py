"""A round's metrics at the coordinator: from the sum of all sites' noised tallies, which is opened
with the sum of their updates, or as each site released its own.

Promises that they lie in the round's files before the round counts, and that a round which is done
again after a crash has the same: the same sum opens, and the same files are fetched.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from securefed.domain.identifiers import SiteId
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.run_order import METRICS, NoisyMetrics, mean_metrics
from securefed.errors import ResultUnfit
from securefed.parties.study_tools import Gathering, RunPlan
from securefed.ports import RoundFiles

_MOST_BYTES = 1 << 18


def keep_metrics(site: SiteId, fetched: Path, files: RoundFiles) -> None:
    """Takes in what a site released of its own."""
    with fetched.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ResultUnfit(f"{site} released metrics of more than {_MOST_BYTES} bytes")
    from_bytes(NoisyMetrics, content)
    files.put(f"{site}.metrics", [content])


def sum_metrics(plan: RunPlan, gathering: Gathering, files: RoundFiles) -> None:
    """Makes the metrics of all sites together from the sum that is open now, if there is one."""
    if plan.study.sealing.tally:
        files.put(METRICS, [to_bytes(plan.figures(gathering.tally))])


def metrics_in_words(released: Callable[[int], Sequence[NoisyMetrics]], number: int) -> str:
    """A round's metrics for the log; nothing where nothing was measured."""
    means = mean_metrics(released(number))
    return ", ".join(f"{name} {value:.4f}" for name, value in means.items())
