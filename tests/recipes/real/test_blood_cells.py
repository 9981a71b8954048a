"""Blood cells (BCCD): three kinds of cell in 364 images, with and without noise.

The unit is the image, with at most twelve of its boxes at a step: boxes of one image overlap and
come from one person, so the split is by image too. The set has no hospitals. The size of a step and
the depth were chosen on a part of the training images; the weights say that a smear has some ten
red cells for each other one, which is common knowledge. Accuracy says little here: always answering
red cell scores about 0.85, and 1/3 when it is balanced.
"""

import csv
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch

from securefed.adapters.odometer import Odometer
from securefed.adapters.opacus_training.evaluation import evaluate_public
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.training import train
from securefed.domain.identifiers import Line
from securefed.domain.privacy import DpSgd, PrivacyUnit, Sampling
from securefed.domain.site import Column, ColumnType
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.images import SETTINGS, make
from securefed.recipes.records import Records
from securefed.recipes.settings import read_settings
from tests.recipes.stated import parameters

pytestmark = pytest.mark.slow

CORNERS = ("xmin", "ymin", "xmax", "ymax")
TYPES = {
    **{"file": ColumnType.IDENTIFIER, "sha256": ColumnType.TEXT, "cell": ColumnType.CATEGORY},
    **dict.fromkeys(CORNERS, ColumnType.INTEGER),
}
COLUMNS = tuple(
    Column(name=Line(name), type=kind, meaning=Line(name)) for name, kind in TYPES.items()
)
IMAGE = PrivacyUnit(column="file", bound=12)
BOX = PrivacyUnit(column=None, bound=1)
PARAMETERS = {
    **{"target": "cell", "classes": "RBC, WBC, Platelets", "class_weights": "1, 10, 10"},
    **{"boxes": "true", "size": "24", "width": "8", "depth": "3"},
    **{"optimizer": "adam", "learning_rate": "0.01"},
}
RECIPE = make(read_settings(SETTINGS, parameters(PARAMETERS)), None)
DELTA = Decimal("0.0001")
MAJORITY = 1 / 3


class Uncharged:
    def before_step(self, step: int) -> None:
        assert step > 0


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The boxes of some images."""

    training: Records
    test: Records


@pytest.fixture(scope="module")
def cells() -> Cells:
    """One fifth of the images is for the test, by a fixed seed. Two boxes without a pixel are out,
    as the recipe would refuse them."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    folder = Path(os.environ.get("SECUREFED_DATA", beside)) / "bccd-blood-cells"
    if not folder.is_dir():
        pytest.skip(f"the BCCD images are not in {folder}")
    images = sorted((folder / "images").iterdir())
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in images}
    with (folder / "boxes.csv").open(encoding="utf-8", newline="") as stream:
        boxes = [row for row in csv.DictReader(stream) if _has_pixels(row)]
    order = np.random.default_rng(0).permutation(len(images))
    tested = {images[i].name for i in order[: len(images) // 5]}
    parts = [
        [box for box in boxes if (box["filename"] in tested) is part] for part in (False, True)
    ]
    training, test = (_records(part, digests, folder / "images") for part in parts)
    return Cells(training=training, test=test)


def _has_pixels(row: dict[str, str]) -> bool:
    return int(row["xmin"]) < int(row["xmax"]) and int(row["ymin"]) < int(row["ymax"])


def _records(boxes: list[dict[str, str]], digests: dict[str, str], folder: Path) -> Records:
    return Records(
        columns={
            "file": [box["filename"] for box in boxes],
            "sha256": [digests[box["filename"]] for box in boxes],
            "cell": [box["cell_type"] for box in boxes],
            **{corner: [int(box[corner]) for box in boxes] for corner in CORNERS},
        },
        folder=folder,
    )


def mechanism(noise: str) -> DpSgd:
    return DpSgd(
        noise_multiplier=Decimal(noise),
        sampling_rate=Decimal("0.25"),
        sampling=Sampling.POISSON,
        steps=60,
        clip=Decimal(1),
    )


@contextmanager
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def figures(cells: Cells, chosen: DpSgd) -> Mapping[str, float]:
    """Trained on the training images, counted over the boxes of the others."""
    source = MemorySource(cells.training, COLUMNS, IMAGE)
    run = TrainingRun(recipe=RECIPE, source=source, mechanism=chosen)
    with one_thread():
        trained = train(run, Uncharged())
        test = MemorySource(cells.test, COLUMNS, BOX)
        return evaluate_public(replace(run, source=test, weights=trained.weights))


def test_the_split_is_by_image(cells: Cells) -> None:
    both = set(cells.training.columns["file"]) & set(cells.test.columns["file"])
    assert not both
    assert len(cells.training) + len(cells.test) == 4886
    assert MemorySource(cells.training, COLUMNS, IMAGE).units == 292


def test_next_to_no_noise(cells: Cells) -> None:
    found = figures(cells, mechanism("0.001"))
    print(f"balanced: majority {MAJORITY:.3f}, no noise {found['balanced_accuracy']:.3f}")
    assert found["balanced_accuracy"] >= 0.85


def test_at_eight(cells: Cells) -> None:
    chosen = mechanism("1.3")
    loss = Odometer().loss((chosen,), DELTA)
    assert loss.epsilon <= 8
    found = figures(cells, chosen)
    told = f"ε {loss.epsilon:.2f} {found['balanced_accuracy']:.3f}"
    print(f"balanced: majority {MAJORITY:.3f}, {told}")
    assert found["balanced_accuracy"] >= 0.85
