"""Blood cells in pictures of three laboratories: a last layer on a frozen transformer."""

from decimal import Decimal
from pathlib import Path
from typing import Final

from securefed.adapters.published_data.blood_cells import CELLS, ORIGIN, write_blood_cells
from securefed.domain.identifiers import Name
from securefed.wiring.workloads.shipped import bring_shipped
from securefed.wiring.workloads.workload import PUBLISHED, Compared, HeldOut, Places, Workload

BASE: Final = "pictures-vit"


def _write(source: Path, places: Places) -> None:
    write_blood_cells(source, places.data)
    bring_shipped(BASE, places.assets)


def _always_the_same(_held: HeldOut) -> float:
    return 1 / len(CELLS)


IMAGES = Workload(
    name=Name("images"),
    study="sites/images.toml",
    write=_write,
    epsilon=Decimal(16),
    delta=Decimal("1e-4"),
    compared=Compared(
        metric="balanced_accuracy", line=_always_the_same, line_is="always the same answer"
    ),
    unit="cells",
    policy=PUBLISHED,
    origin=ORIGIN,
)
