"""Figures of a release as exact decimals, whatever a recipe calls a figure."""

import math
from decimal import Decimal

import numpy as np
import pytest
import torch

from securefed.adapters.opacus_training.evaluation import Evaluated
from securefed.adapters.opacus_training.figures import noisy_metrics, summed_metrics
from securefed.aggregation.tally_digits import TallyDigits
from securefed.domain.identifiers import Line, Name, Sentence, Version
from securefed.domain.privacy import GaussianRelease
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.run_order import NoisyMetrics
from securefed.domain.study import Parameter
from securefed.domain.study import Recipe as Stated
from securefed.errors import SecurefedError
from securefed.recipes.registry import recipe_for
from securefed.recipes.tallies import BinaryTally

pytestmark = pytest.mark.slow  # it loads torch

RELEASE = GaussianRelease(noise_multiplier=Decimal(1), releases=1)


def figures(metrics: dict[str, float], *tally: float) -> NoisyMetrics:
    made = noisy_metrics(Evaluated(metrics=metrics, tally=tally, executed=RELEASE))
    assert from_bytes(NoisyMetrics, to_bytes(made)) == made
    return made


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.5, Decimal("0.5")),
        (1 / 3, Decimal("0.333333333")),
        (-2e-9, Decimal("-0.000000002")),
        (123456789012.0, Decimal(123456789000)),
        (5e-324, Decimal(0)),
        (-0.0, Decimal(0)),
        (math.nan, None),
        (math.inf, None),
        (-1.7e308, None),
    ],
)
def test_a_figure(value: float, written: Decimal | None) -> None:
    (one,) = figures({"größe.mae": value}).metrics
    assert (one.name, one.value) == ("größe.mae", written)


def test_a_sum_of_tallies() -> None:
    assert figures({}, 12.345678, -0.0, -1e-6).tally == (
        Decimal("12.345678"),
        Decimal(0),
        Decimal("-0.000001"),
    )


def plain_figures(sums: np.ndarray) -> dict[str, float]:
    """The figures of a sum for two classes, in plain numpy."""
    counts = sums * np.sqrt(2)
    false_positive, true_negative, false_negative, true_positive = counts[:4]
    negatives, positives = counts[4:].reshape(2, 10)
    there = np.array([true_negative + false_positive, true_positive + false_negative])
    pairs = positives * (np.cumsum(negatives) - negatives / 2)
    return {
        "accuracy": (true_negative + true_positive) / there.sum(),
        "balanced_accuracy": (true_negative / there[0] + true_positive / there[1]) / 2,
        "f1": 2 * true_positive / (2 * true_positive + false_positive + false_negative),
        "auc": pairs.sum() / (negatives.sum() * positives.sum()),
    }


def test_the_figures_of_a_sum_are_those_of_all_records_together_up_to_its_noise() -> None:
    chance = np.random.default_rng(3)
    sites = [chance.integers(0, 2, size) for size in (900, 4000, 150)]
    answers = [chance.normal(1.5 * labels - 0.5) for labels in sites]
    tallies = [
        BinaryTally().rows(torch.tensor(scores), torch.tensor(labels)).double().sum(0).numpy()
        + chance.normal(0, 5, 24)
        for scores, labels in zip(answers, sites, strict=True)
    ]
    digits = TallyDigits(bits=16, numbers=24)
    sums = np.sum([digits.levels(one) for one in tallies], axis=0, dtype=np.uint64)
    opened = digits.summed([sums], 3)
    stated = Stated(
        name=Name("tabular"),
        version=Version("1.0.0"),
        parameters=(
            Parameter(name=Line("numeric"), value=Sentence("age:65:15")),
            Parameter(name=Line("target"), value=Sentence("readmitted")),
        ),
        own_code=None,
    )
    made = summed_metrics(recipe_for(stated, None, None), opened)
    found = {str(one.name): float(one.value or 0) for one in made.metrics}
    assert found == pytest.approx(plain_figures(opened), abs=1e-8)
    assert found == pytest.approx(plain_figures(np.sum(tallies, 0)), abs=1e-4)
    # The truth, without noise and bins.
    scores, labels = np.concatenate(answers), np.concatenate(sites)
    ranks = scores[labels == 1][:, None] > scores[labels == 0][None, :]
    assert found["auc"] == pytest.approx(ranks.mean(), abs=0.02)
    assert found["accuracy"] == pytest.approx(((scores >= 0) == (labels == 1)).mean(), abs=0.01)
    assert [float(one) for one in made.tally] == pytest.approx(opened.tolist())


def test_a_name_that_shows_nothing_is_refused() -> None:
    with pytest.raises(SecurefedError):
        figures({"\u202esecret": 0.5})
