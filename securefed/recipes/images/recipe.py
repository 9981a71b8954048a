"""Which of several classes an image, or a part of one, belongs to.

Promises what every recipe does: a record's loss and tally depend on that record alone. Where the
records are boxes, several of one patient or image, a data card with the record as its unit would
protect each box and not the image: the unit is then the column that names the image or the patient.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from securefed.domain.identifiers import Name
from securefed.domain.site import ColumnType
from securefed.recipes.images.indexing import FILE, SHA256
from securefed.recipes.images.mock import mock_images
from securefed.recipes.images.networks import Beginning, image_model
from securefed.recipes.images.reading import BOX, ImageReader, class_numbers
from securefed.recipes.images.settings import ImagesSettings
from securefed.recipes.meaning import ClassScores, Meaning
from securefed.recipes.recipe import Batch, Forward, Needed
from securefed.recipes.records import Records
from securefed.recipes.tallies import BinaryTally, ClassTally, Tally

_NAMES: Final = frozenset({ColumnType.TEXT, ColumnType.IDENTIFIER, ColumnType.CATEGORY})
_CLASS: Final = frozenset({ColumnType.CATEGORY, ColumnType.INTEGER, ColumnType.BOOLEAN})
_PIXEL: Final = frozenset({ColumnType.INTEGER})


@dataclass(frozen=True, kw_only=True)
class ImagesRecipe:
    """Classification of images with these settings."""

    settings: ImagesSettings
    start: Beginning
    reader: ImageReader
    kept: frozenset[str] = frozenset()

    @property
    def family(self) -> Name:
        """Convolutions, or the kind of transformers model."""
        if self.start.config is None:
            return Name("cnn-classifier")
        return Name(f"{self.start.config.model_type.replace('_', '-')}-classifier")

    @property
    def meaning(self) -> Meaning:
        """A chance for each class."""
        return ClassScores(classes=self.settings.classes)

    def needs(self) -> tuple[Needed, ...]:
        """A file with its digest, a class and, where they are asked for, the corners of a box."""
        boxes = BOX if self.settings.boxes else ()
        return (
            *(Needed(name=name, types=_NAMES) for name in (FILE, SHA256)),
            Needed(name=self.settings.target, types=_CLASS),
            *(Needed(name=name, types=_PIXEL) for name in boxes),
        )

    def model(self) -> nn.Module:
        """The model, with what is trained marked."""
        return image_model(self.settings, self.start)

    def collate(self, records: Records) -> Batch:
        """Pixels, and the number of the class."""
        labels = class_numbers(records.columns[self.settings.target], self.settings)
        return {"images": self.reader.images(records), "label": labels}

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        """Cross entropy, times the weight of the record's class."""
        labels = batch["label"]
        losses = functional.cross_entropy(model(batch["images"]), labels, reduction="none")
        if not self.settings.class_weights:
            return losses
        return losses * torch.tensor(self.settings.class_weights, device=labels.device)[labels]

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        """The class and the score of each record."""
        scores = model(batch["images"])
        answers = scores[:, 1] - scores[:, 0] if len(self.settings.classes) == 2 else scores
        return self._tally.rows(answers, batch["label"])

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """Accuracy and balanced accuracy; for two classes AUC as well."""
        return self._tally.metrics(tally)

    def mock(self, records: int, seed: int, folder: Path) -> Records:
        """Discs whose colour tells the class."""
        return mock_images(self.settings, records, seed, folder)

    @property
    def _tally(self) -> Tally:
        classes = len(self.settings.classes)
        return BinaryTally() if classes == 2 else ClassTally(classes=classes)
