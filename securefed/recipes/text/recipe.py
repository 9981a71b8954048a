"""Text classification: one class for each text, by a transformers model.

The model is a folder of the site or a very small built-in one. Texts are cut at `max_tokens`; an
empty text is a text. Promises that a record's loss and tally depend on its own text and class: rows
are filled up and masked, and nothing is normalised over a batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from securefed.domain.identifiers import Name
from securefed.domain.site import ColumnType
from securefed.errors import DataUnreadable
from securefed.recipes.meaning import ClassScores, Meaning
from securefed.recipes.pretrained.adapting import add_lora, train_only
from securefed.recipes.pretrained.library import calm_loading, transformers_library
from securefed.recipes.pretrained.loading import (
    ModelFolder,
    classifier_head,
    head_may_be_new,
    pooler_may_lack,
)
from securefed.recipes.pretrained.texts import mock_columns, text_columns, texts_of
from securefed.recipes.pretrained.tokens import Tokens, padded
from securefed.recipes.recipe import Batch, Forward, Needed
from securefed.recipes.records import Cell, Records
from securefed.recipes.tallies import BinaryTally, ClassTally, Tally
from securefed.recipes.text.mock import mock_texts
from securefed.recipes.text.networks import OwnClassifier, PooledClassifier
from securefed.recipes.text.settings import TextSettings

_CLASS = frozenset({ColumnType.CATEGORY, ColumnType.INTEGER, ColumnType.BOOLEAN})


@dataclass(frozen=True, kw_only=True)
class TextRecipe:
    """Text classification with these settings; without a folder, by the built-in model."""

    settings: TextSettings
    config: Any
    tokens: Tokens
    folder: ModelFolder | None
    kept: frozenset[str] = frozenset()

    @property
    def family(self) -> Name:
        """The kind of transformers model."""
        return Name(f"{self.config.model_type.replace('_', '-')}-classifier")

    @property
    def meaning(self) -> Meaning:
        """A chance for each class."""
        return ClassScores(classes=self.settings.classes)

    def needs(self) -> tuple[Needed, ...]:
        """A text and its class."""
        return (*text_columns(self.settings), Needed(name=self.settings.target, types=_CLASS))

    def model(self) -> nn.Module:
        """The model of the folder with its new last layer, and with what is trained marked."""
        if self.settings.pooling == "mean":
            return self._pooled()
        network = self._network("AutoModelForSequenceClassification")
        model = OwnClassifier(network)
        self._choose_trained(model, network, classifier_head(network))
        return model

    def collate(self, records: Records) -> Batch:
        """Tokens, their mask, and the number of the class."""
        settings = self.settings
        rows = self.tokens.encode(texts_of(records, settings), settings.max_tokens)
        tokens, mask = padded(rows, self.tokens.pad)
        labels = _class_numbers(records.columns[settings.target], settings)
        return {"tokens": tokens, "mask": mask, "label": labels}

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        """Cross entropy."""
        scores = model(batch["tokens"], batch["mask"])
        return functional.cross_entropy(scores, batch["label"], reduction="none")

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        """The class and the score of each record."""
        scores = model(batch["tokens"], batch["mask"])
        answers = scores[:, 1] - scores[:, 0] if len(self.settings.classes) == 2 else scores
        return self._tally.rows(answers, batch["label"])

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """Accuracy and balanced accuracy; for two classes AUC as well."""
        return self._tally.metrics(tally)

    def mock(self, records: int, seed: int, folder: Path) -> Records:
        """Words without meaning, some of which tell the class."""
        texts, labels = mock_texts(self.settings.classes, records, seed)
        columns = mock_columns(texts, self.settings, folder)
        return Records(columns=columns | {self.settings.target: labels}, folder=folder)

    @property
    def _tally(self) -> Tally:
        classes = len(self.settings.classes)
        return BinaryTally() if classes == 2 else ClassTally(classes=classes)

    def _pooled(self) -> nn.Module:
        encoder = self._network("AutoModel")
        # It is not used here, and a trained weight without use cannot be clipped.
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None
        with calm_loading(self.settings.seed):
            model = PooledClassifier(encoder, len(self.settings.classes))
        if self.settings.train == "head":
            model.freeze_encoder()
        else:
            self._choose_trained(model, encoder, list(model.head.parameters()))
        return model

    def _network(self, kind: str) -> Any:
        seed = self.settings.seed
        if self.folder is not None:
            lacking = pooler_may_lack if kind == "AutoModel" else head_may_be_new
            return self.folder.model(kind, self.config, seed, lacking)
        with calm_loading(seed):
            return getattr(transformers_library(), kind).from_config(self.config)

    def _choose_trained(self, model: nn.Module, network: Any, head: Sequence[nn.Parameter]) -> None:
        if self.settings.train == "lora":
            add_lora(network, self.settings)
            for parameter in head:
                parameter.requires_grad_(True)
        elif self.settings.train == "head":
            train_only(model, head)


def _class_numbers(cells: Sequence[Cell], settings: TextSettings) -> Tensor:
    numbers = {name: number for number, name in enumerate(settings.classes)}
    found = [numbers.get(_written(cell)) for cell in cells]
    if None in found:
        raise DataUnreadable(
            f"Expected one of {len(numbers)} classes in every record",
            where=f"column {settings.target}",
            hint="The study names the classes as the column writes them; correct one of the two.",
        )
    return torch.tensor(found, dtype=torch.int64)


def _written(cell: Cell) -> str:
    return str(cell).lower() if isinstance(cell, bool) else str(cell)
