"""What leaves of the votes: their counts with Gaussian noise, rounded.

Promises the engine's own noise, σ·C with a C that covers what one unit can change, in every count,
drawn once in float64. Counts are whole numbers and the sum is rounded to 1/64, so that the last
digits of a float tell nothing. There is no release without it: this is the one place where counts
become an update.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.mechanism import Numbers
from securefed.adapters.opacus_training.noise import StepNoise
from securefed.domain.fusion import Fusion
from securefed.domain.privacy import DpSgd
from securefed.recipes.layout import Layout, Values

_GRAIN = 64


class BallotBox(nn.Module):
    """As many numbers as there are counts, for an engine that asks how much it noises."""

    def __init__(self, fusion: Fusion) -> None:
        super().__init__()
        shape = (fusion.records, len(fusion.classes))
        self.votes = nn.Parameter(torch.zeros(shape, dtype=torch.float64))


@dataclass(frozen=True, kw_only=True)
class Noising:
    """The noise of one release. `fusion` has checked that its step covers the votes."""

    numbers: Numbers
    noise: StepNoise

    @classmethod
    def fresh(cls, fusion: Fusion, step: DpSgd, units: int) -> "Noising":
        """With keystreams that were never there before."""
        fusion.check_step(step)
        numbers = Numbers.of(step, units, BallotBox(fusion))
        return cls(numbers=numbers, noise=numbers.step_noise())

    def noised(self, counts: Tensor) -> Tensor:
        """The counts with noise."""
        box = nn.Parameter(torch.zeros_like(counts))
        box.grad = counts.clone()
        self.noise.add_to([box])
        return box.grad

    def released(self, counts: Tensor) -> Values:
        """The row that leaves."""
        row = (self.noised(counts) * _GRAIN).round() / _GRAIN
        values: Values = row.flatten().float().numpy()
        return values


def votes_layout(fusion: Fusion) -> Layout:
    """That of every site's votes, and of their sum."""
    return Layout(names=("votes",), shapes=((fusion.records, len(fusion.classes)),))


def no_votes(fusion: Fusion) -> Values:
    """What a study of votes begins with."""
    return np.zeros(fusion.answers, np.float32)
