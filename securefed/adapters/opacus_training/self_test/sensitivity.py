"""What one unit adds, and what taking one away changes: measured on batches of two sizes.

A model that mixes records agrees with its parts at one batch size at most, so both sizes must hold.
Each batch is made anew from its records, so that mixing while records become tensors shows too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from securefed.adapters.opacus_training.batches import UnitBatch, filled, unit_batch
from securefed.adapters.opacus_training.self_test.calm import WithoutDropout
from securefed.adapters.opacus_training.self_test.pieces import norm_apart, norm_of
from securefed.adapters.opacus_training.sums import ClippedSums
from securefed.errors import SelfTestFailed

_UNITS = (3, 5)
# So much below the smallest norm every unit is clipped, and so much above the largest none is.
_FAR = 10.0
# In a norm of float32. In half precision too: what is clipped and what is added are the same.
_ROUNDING = 1e-4


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """The largest figures, as shares of the clip."""

    contribution: float
    removal: float


def measured_sensitivity(
    sums: ClippedSums, rows: int, clip: float, device: torch.device, folder: Path
) -> Sensitivity:
    """Raises SelfTestFailed where a unit reaches beyond its clip, or into another's."""
    with WithoutDropout():
        found = [_Trial(sums, units, rows, device, folder).run(clip) for units in _UNITS]
    return Sensitivity(
        contribution=max(one.contribution for one in found),
        removal=max(one.removal for one in found),
    )


class _Trial:
    """Units of made-up records, all together, each alone, and all but one."""

    def __init__(
        self, sums: ClippedSums, units: int, rows: int, device: torch.device, folder: Path
    ) -> None:
        self._sums, self._units, self._device = sums, units, device
        self._records = sums.recipe.mock(units * rows, units, folder)
        # Every other unit has a record less, so that rows which only fill are tested too.
        self._members = [
            np.arange(unit * rows, (unit + 1) * rows)[: max(1, rows - unit % 2)]
            for unit in range(units)
        ]
        self._slack = sums.precision.tolerance

    def run(self, clip: float) -> Sensitivity:
        everybody = range(self._units)
        norms = self._make(everybody, clip)
        if not (norms.isfinite().all() and norms.max() > 0):
            raise SelfTestFailed(
                "On made-up records the gradients are zero or not finite, so nothing can be shown"
            )
        contribution = max(self._contribution(unit, clip) for unit in everybody)
        least, most = norms[norms > 0].min().item(), norms.max().item()
        small, large = least / _FAR, most * _FAR
        together = self._sum(everybody, small)
        removal = max(self._removal(together, unit, small) for unit in everybody)
        contribution = max(contribution, self._refuse_unlike_parts(together, small))
        # Clipped gradients have lost their length, which can depend on the others as well.
        self._refuse_unlike_parts(self._sum(everybody, large), large)
        return Sensitivity(contribution=contribution, removal=removal)

    def _contribution(self, unit: int, clip: float) -> float:
        """What one unit adds by itself, whose sum is in the gradients afterwards."""
        self._make([unit], clip)
        largest = norm_of(self._gradients()) / clip
        if not largest <= 1 + _ROUNDING:
            raise SelfTestFailed(f"One unit adds {largest:.3g} times the clip to the sum")
        return largest

    def _removal(self, together: Sequence[Tensor], unit: int, clip: float) -> float:
        self._make([one for one in range(self._units) if one != unit], clip)
        removal = norm_apart(together, self._gradients()) / clip
        if not removal <= 1 + self._slack:
            raise SelfTestFailed(
                f"Taking one unit away moves the sum by {removal:.3g} times the clip"
            )
        return removal

    def _refuse_unlike_parts(self, together: Sequence[Tensor], clip: float) -> float:
        """Takes each unit's own sum from that of all, of which nothing may be left. The largest
        contribution."""
        contributions = []
        for unit in range(self._units):
            contributions.append(self._contribution(unit, clip))
            for rest, own in zip(together, self._gradients(), strict=True):
                rest -= own
        parts = clip * sum(contributions)
        apart = norm_of(together) / parts if parts else math.inf
        if not apart <= self._slack:
            raise SelfTestFailed(
                "A unit's gradient depends on which others are in the batch: the sum differs from "
                f"its parts by {apart:.2g} of what they are"
            )
        return max(contributions)

    def _sum(self, units: Sequence[int], clip: float) -> list[Tensor]:
        self._make(units, clip)
        return [grad.clone() for grad in self._gradients()]

    def _make(self, units: Sequence[int], clip: float) -> Tensor:
        """The norms of the units, whose sum is in the gradients afterwards."""
        return self._sums.make([self._batch(units)], clip).values

    def _gradients(self) -> list[Tensor]:
        return [one.grad for one in self._sums.parameters if one.grad is not None]

    def _batch(self, units: Sequence[int]) -> UnitBatch:
        members = [self._members[unit] for unit in units]
        rows = max(len(one) for one in members)
        records = self._records.picked(np.concatenate([filled(one, rows) for one in members]))
        counts = [len(one) for one in members]
        return unit_batch(self._sums.recipe, records, counts, self._device)
