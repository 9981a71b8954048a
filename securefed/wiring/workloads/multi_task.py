"""Two answers from one table at four hospitals: whether a heart is ill, and angina by exercise."""

from decimal import Decimal
from pathlib import Path

from securefed.adapters.published_data.heart import ORIGIN, write_heart
from securefed.domain.identifiers import Name
from securefed.wiring.workloads.workload import PUBLISHED, Compared, Places, Workload, majority_of


def _write(source: Path, places: Places) -> None:
    write_heart(source, places.data)


MULTI_TASK = Workload(
    name=Name("multi-task"),
    study="sites/multi-task.toml",
    write=_write,
    epsilon=Decimal(6),
    delta=Decimal("1e-3"),
    compared=Compared(
        metric="disease.accuracy", line=majority_of("disease"), line_is="always the same answer"
    ),
    unit="patients",
    policy=PUBLISHED,
    origin=ORIGIN,
)
