"""Metrics and the noised sum that they are made from, as exact decimals for a file.

Nine digits of a figure: the noise leaves fewer. What is not a number, or beyond every range that a
figure could have, is no figure.
"""

import math
from decimal import Decimal
from typing import Final

from securefed.adapters.opacus_training.evaluation import Evaluated
from securefed.domain.identifiers import Line
from securefed.domain.run_order import NoisyMetric, NoisyMetrics

_LARGEST: Final = 1e30


def noisy_metrics(evaluated: Evaluated) -> NoisyMetrics:
    """One release as a record."""
    return NoisyMetrics(
        metrics=tuple(
            NoisyMetric(name=Line(name), value=_figure(value))
            for name, value in evaluated.metrics.items()
        ),
        # They are rounded to so many digits, and more would come from the form of a float.
        tally=tuple(Decimal(f"{one:.6f}") for one in evaluated.tally),
    )


def _figure(value: float) -> Decimal | None:
    if not math.isfinite(value) or abs(value) > _LARGEST:
        return None
    return Decimal(f"{value:.9g}") if abs(value) * _LARGEST > 1 else Decimal(0)
