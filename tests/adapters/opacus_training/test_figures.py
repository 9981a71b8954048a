"""Figures of a release as exact decimals, whatever a recipe calls a figure."""

import math
from decimal import Decimal

import pytest

from securefed.adapters.opacus_training.evaluation import Evaluated
from securefed.adapters.opacus_training.figures import noisy_metrics
from securefed.domain.privacy import GaussianRelease
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.run_order import NoisyMetrics
from securefed.errors import SecurefedError

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


def test_a_name_that_shows_nothing_is_refused() -> None:
    with pytest.raises(SecurefedError):
        figures({"\u202esecret": 0.5})
