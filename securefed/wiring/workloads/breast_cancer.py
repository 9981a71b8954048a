"""The demonstration's own workload: tumours at three hospitals, from what scikit-learn ships."""

from decimal import Decimal
from pathlib import Path

from securefed.domain.identifiers import Name
from securefed.wiring.workloads.workload import Compared, Places, Workload, majority_of


def _write(_source: Path, places: Places) -> None:
    from securefed.adapters.published_data.breast_cancer import write_breast_cancer

    write_breast_cancer(places.data)


BREAST_CANCER = Workload(
    name=Name("breast-cancer"),
    study="sites/breast-cancer.toml",
    write=_write,
    epsilon=Decimal(3),
    delta=Decimal("1e-5"),
    compared=Compared(
        metric="accuracy", line=majority_of("malignant"), line_is="always the same answer"
    ),
    unit="patients",
    library="sklearn",
    extra="securefed[demo]",
)
