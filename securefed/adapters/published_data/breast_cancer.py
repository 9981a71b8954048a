"""The breast-cancer data that scikit-learn ships, split unevenly over three hospitals.

Ten measures of cell nuclei for each of 569 patients, and whether the tumour was malignant. One
hospital screens and sees few tumours, one is where patients are referred to, so they differ in size
and in their cases; 113 patients are held out for testing. The split is the same every time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer

from securefed.adapters.published_data.part import TEST, Described, column, write_part
from securefed.domain.identifiers import DatasetId
from securefed.domain.site import ColumnType

TARGET = "malignant"
# Malignant and benign patients of each part.
_PARTS = {
    TEST: (42, 71),
    "hospital-a": (40, 200),
    "hospital-b": (60, 56),
    "hospital-c": (70, 30),
}
_MEASURES = "worst "
_SEED = 2026
_BENIGN = 1
_ORIGIN = "The breast-cancer data that scikit-learn ships: UCI, Wisconsin (diagnostic), 1995"


@dataclass(frozen=True, kw_only=True)
class Share:
    """One part of the data: a name, and rows of numbers with the answer at the end."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]


def write_breast_cancer(folder: Path) -> None:
    """Writes each hospital's part, and the held-out one."""
    for share in shares():
        *measures, target = share.columns
        columns = [column(name, ColumnType.DECIMAL, _meaning(name)) for name in measures]
        columns.append(column(target, ColumnType.BOOLEAN, "Whether the tumour was malignant"))
        described = Described(
            dataset=DatasetId("tumours"),
            origin=_ORIGIN,
            licence="CC BY 4.0",
            purposes=("cancer-research",),
            columns=tuple(columns),
        )
        write_part(folder, share.name, f"Tumours, {share.name}", described, share.rows)


def _meaning(name: str) -> str:
    return f"{name.replace('_', ' ')} of the cell nuclei in an image"


def shares() -> Iterator[Share]:
    """The held-out part and the hospitals' parts."""
    found = load_breast_cancer()
    places = [at for at, name in enumerate(found.feature_names) if name.startswith(_MEASURES)]
    columns = tuple(str(found.feature_names[at]).replace(" ", "_") for at in places)
    drawn = np.random.default_rng(_SEED)
    benign = found.target == _BENIGN
    sick, well = (drawn.permutation(np.flatnonzero(one)) for one in (~benign, benign))
    for name, (malignant, others) in _PARTS.items():
        mine, sick = np.split(sick, [malignant])
        more, well = np.split(well, [others])
        patients: NDArray[np.int64] = drawn.permutation(np.concatenate([mine, more]))
        rows = [
            [*map(float, found.data[one, places]), str(not benign[one]).lower()]
            for one in patients.tolist()
        ]
        yield Share(name=name, columns=(*columns, TARGET), rows=rows)
