"""Metrics and the noised sum that they are made from, as exact decimals for a file.

Nine digits of a figure: the noise leaves fewer. What is not a number, or beyond every range that a
figure could have, is no figure.
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import torch

from securefed.adapters.opacus_training.evaluation import Evaluated
from securefed.adapters.opacus_training.training import failures_named
from securefed.aggregation.grid import Floats
from securefed.domain.identifiers import Line
from securefed.domain.run_order import NoisyMetric, NoisyMetrics
from securefed.recipes.recipe import Recipe

_LARGEST: Final = 1e30


def noisy_metrics(evaluated: Evaluated) -> NoisyMetrics:
    """One release as a record."""
    return NoisyMetrics(
        metrics=_figures(evaluated.metrics), tally=tuple(map(_exact, evaluated.tally))
    )


def summed_metrics(recipe: Recipe, tally: Floats) -> NoisyMetrics:
    """The figures of all sites together, from the opened sum of their noised tallies."""
    with failures_named():
        figures = recipe.metrics(torch.from_numpy(tally.copy()))
    return NoisyMetrics(metrics=_figures(figures), tally=tuple(map(_exact, tally.tolist())))


def _figures(figures: Mapping[str, float]) -> tuple[NoisyMetric, ...]:
    return tuple(
        NoisyMetric(name=Line(name), value=_figure(value)) for name, value in figures.items()
    )


def _exact(one: float) -> Decimal:
    # Tallies are rounded to so many digits, and more would come from the form of a float.
    return Decimal(f"{one:.6f}")


def _figure(value: float) -> Decimal | None:
    if not math.isfinite(value) or abs(value) > _LARGEST:
        return None
    return Decimal(f"{value:.9g}") if abs(value) * _LARGEST > 1 else Decimal(0)
