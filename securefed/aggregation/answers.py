"""Answers to public records, from the sum of noised votes: the class with the most, and its lead.

All of it is post-processing of what the sites noised. A lead is told in standard deviations of the
noise that the difference of two counts carries, so that a clear answer is told from a drawn one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from securefed.aggregation.grid import Values
from securefed.domain.privacy import DpSgd

Labels: TypeAlias = NDArray[np.int64]
# Noise alone leads by so many of its deviations once in twenty or less, where classes are two.
_CLEAR = 2.0


@dataclass(frozen=True, kw_only=True)
class Answers:
    """For each record its class, by number, and by how much it leads."""

    labels: Labels
    leads: NDArray[np.float64]

    @property
    def clear(self) -> int:
        """How many lead by twice the noise, or more."""
        return int(np.count_nonzero(self.leads >= _CLEAR))


def answers_of(votes: Values, classes: int, noise: float) -> Answers:
    """The answers of an opened mean of votes, whose counts each carry noise of this deviation."""
    counts = votes.reshape(-1, classes).astype(np.float64)
    ordered = np.sort(counts, axis=1)
    leads = (ordered[:, -1] - ordered[:, -2]) / (math.sqrt(2) * noise)
    return Answers(labels=counts.argmax(1).astype(np.int64), leads=leads)


def noise_of_mean(steps: Sequence[DpSgd]) -> float:
    """The deviation of the noise in the mean of these sites' counts."""
    deviations = [float(one.noise_multiplier * one.clip) for one in steps]
    return math.sqrt(sum(one**2 for one in deviations)) / len(deviations)
