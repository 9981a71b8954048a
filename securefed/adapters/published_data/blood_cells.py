"""BCCD: 364 pictures of blood smears with boxes around red cells, white cells and platelets.

The set has no hospitals, so that the split over three laboratories is made up: by chance, in three
sizes. A fifth of the pictures is held out; all boxes of a picture lie in the same part, since they
overlap and come from one person. Two boxes without a pixel are left out. A laboratory's mock is
made-up pictures, of which none is a cell.
"""

import csv
import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from securefed.adapters.published_data.origin import Origin
from securefed.adapters.published_data.part import RECORD, TEST, Described, column, write_part
from securefed.domain.identifiers import DatasetId
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import ColumnType
from securefed.errors import DataUnreadable, StorageFailed
from securefed.recipes.images.indexing import INDEX, write_index
from securefed.recipes.images.mock import mock_images
from securefed.recipes.images.reading import BOX
from securefed.recipes.images.settings import ImagesSettings

ORIGIN: Final = Origin(
    title="The BCCD blood cells",
    folder="bccd-blood-cells",
    source="https://github.com/Shenggan/BCCD_Dataset (BCCD/JPEGImages as images, test.csv as "
    "boxes.csv)",
    licence="MIT",
    files={
        "boxes.csv": "e4654a96bcc3fd5217088ced6227b6ac379c93d624a9515f6fa1e1fbbb069e42",
        "images": "58f59eca9fe369a904626882599860a52d0ed426a5363d2bcbb1ad7d980c28ce",
    },
)
TARGET: Final = "cell"
CELLS: Final = ("RBC", "WBC", "Platelets")
# A picture counts as one, whatever its number of boxes; of more than these some are drawn.
PICTURE: Final = PrivacyUnit(column="file", bound=12)
# Pictures of each part; the last laboratory has what is left.
_HELD_OUT_OF: Final = 5
_LABS: Final = {"lab-a": 122, "lab-b": 100, "lab-c": 70}
_SEED: Final = 0
_COLUMNS: Final = (
    column("file", ColumnType.IDENTIFIER, "The picture"),
    column("sha256", ColumnType.TEXT, "The digest of the picture's bytes"),
    column(TARGET, ColumnType.CATEGORY, "What the box is around"),
    *(column(name, ColumnType.INTEGER, f"The box's {name} in pixels") for name in BOX),
)
_MOCK_RECORDS: Final = 60


def write_blood_cells(source: Path, folder: Path) -> None:
    """Writes each laboratory's pictures with their index and its mock, and the held-out ones."""
    boxes = _boxes_by_picture(source / "boxes.csv")
    mock = _write_mock(folder / "mock")
    for name, pictures in parts(sorted(boxes)).items():
        _copy(source / "images", folder / f"{name}-pictures", pictures)
        described = Described(
            dataset=DatasetId("smears"),
            origin="github.com/Shenggan/BCCD_Dataset; the split over laboratories is made up",
            licence=ORIGIN.licence,
            purposes=("blood-research",),
            columns=_COLUMNS,
            # What is held out is counted box by box.
            unit=RECORD if name == TEST else PICTURE,
            folders=(f"{name}-pictures",),
            mock=mock,
        )
        rows = [
            row for one in pictures for row in _rows(folder, f"{name}-pictures/{one}", boxes[one])
        ]
        write_part(folder, name, f"Blood smears, {name}", described, rows)


def parts(pictures: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The pictures of each part: a fifth to test on, the others over the laboratories."""
    order = np.random.default_rng(_SEED).permutation(len(pictures)).tolist()
    border = len(pictures) // _HELD_OUT_OF
    found = {TEST: [pictures[at] for at in order[:border]]}
    for name, size in _LABS.items():
        found[name] = [pictures[at] for at in order[border : border + size]]
        border += size
    return found


def _boxes_by_picture(path: Path) -> Mapping[str, list[Sequence[object]]]:
    """Of each picture its boxes: the cell, and the corners."""
    found: dict[str, list[Sequence[object]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            if row["cell_type"] not in CELLS:
                raise DataUnreadable(f"Line {number}: expected a kind of cell", where=str(path))
            corners = [int(row[name]) for name in BOX]
            left, upper, right, lower = corners
            if left < right and upper < lower:
                found.setdefault(row["filename"], []).append([row["cell_type"], *corners])
    return found


def _rows(folder: Path, name: str, boxes: Iterable[Sequence[object]]) -> Iterator[Sequence[object]]:
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    yield from ([name, digest, *box] for box in boxes)


def _copy(source: Path, target: Path, pictures: Iterable[str]) -> None:
    try:
        target.mkdir()
        for name in pictures:
            shutil.copyfile(source / name, target / name)
    except OSError as error:
        raise StorageFailed(f"Cannot copy: {error.strerror}", where=str(target)) from error


def _write_mock(folder: Path) -> str:
    """Made-up pictures with their index; where it lies."""
    settings = ImagesSettings(target=TARGET, classes=CELLS, boxes=True)
    folder.mkdir()
    write_index(mock_images(settings, _MOCK_RECORDS, _SEED, folder))
    return f"{folder.name}/{INDEX}"
