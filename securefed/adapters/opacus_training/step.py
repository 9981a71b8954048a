"""One step: clipped sums over the units that were drawn, noise, and a move of the weights.

Promises that however many units were drawn, none included, the weights move by the same rule: the
noised sum over the number of units that a draw has on average, which is public. A pull or a
correction comes after the noise, so no record has a part in it and none escapes the clip by it.
What the sums were, and how many units were silenced because they were not finite, stays inside.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import torch

from securefed.adapters.opacus_training.batches import UnitBatch
from securefed.adapters.opacus_training.controlling import ControlCorrection
from securefed.adapters.opacus_training.noise import StepNoise
from securefed.adapters.opacus_training.proximal import ProximalPull
from securefed.adapters.opacus_training.ranks import Ranks
from securefed.adapters.opacus_training.sums import ClippedSums

# What is added to a noised gradient; a study has one of them at most.
Pull: TypeAlias = ProximalPull | ControlCorrection


@dataclass(frozen=True, kw_only=True)
class Step:
    """How a step is taken; the same for all steps of a run."""

    sums: ClippedSums
    optimizer: torch.optim.Optimizer
    noise: StepNoise
    clip: float
    expected_units: float
    ranks: Ranks
    pull: Pull | None = None
    check: Callable[[], None] = lambda: None

    def take(self, batches: Iterable[UnitBatch]) -> int:
        """Moves the weights by one noised step; says how many units were not finite."""
        silenced = self.sums.make(batches, self.clip, self.check).silenced
        parameters = self.sums.parameters
        self.ranks.gather_sums(parameters)
        if self.ranks.first:
            self.noise.add_to(parameters)
        self.ranks.spread_sums(parameters)
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad *= 1 / self.expected_units
        if self.pull is not None:
            self.pull.add()
        self.optimizer.step()
        return silenced
