"""Heart disease at four hospitals, of which one has thirty patients to train on."""

from decimal import Decimal
from pathlib import Path

from securefed.adapters.published_data.heart import ORIGIN, write_heart
from securefed.domain.identifiers import Name
from securefed.wiring.workloads.workload import PUBLISHED, Compared, Places, Workload, majority_of


def _write(source: Path, places: Places) -> None:
    write_heart(source, places.data)


HEART = Workload(
    name=Name("heart"),
    study="sites/heart.toml",
    write=_write,
    epsilon=Decimal(6),
    delta=Decimal("1e-3"),
    compared=Compared(
        metric="accuracy", line=majority_of("disease"), line_is="always the same answer"
    ),
    unit="patients",
    policy=PUBLISHED,
    origin=ORIGIN,
)
