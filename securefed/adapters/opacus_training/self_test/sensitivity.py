"""What one unit adds, and what taking one away changes: measured on batches of two sizes.

A model that mixes records agrees with its parts at one batch size at most, so both sizes must hold.
Each batch is made anew from its records, so that mixing while records become tensors shows too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from securefed.adapters.opacus_training.batches import UnitBatch, unit_batch
from securefed.adapters.opacus_training.self_test.calm import WithoutDropout
from securefed.adapters.opacus_training.sums import ClippedSums
from securefed.errors import SelfTestFailed

_UNITS = (3, 5)
# So small that every unit is clipped.
_TENTH = 0.1


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
        self._sums, self._units, self._rows, self._device = sums, units, rows, device
        self._records = sums.recipe.mock(units * rows, units, folder)
        self._slack = sums.precision.tolerance

    def run(self, clip: float) -> Sensitivity:
        everybody = range(self._units)
        norms = self._sums.make([self._batch(everybody)], clip).values
        if not (norms.isfinite().all() and norms.max() > 0):
            raise SelfTestFailed(
                "On made-up records the gradients are zero or not finite, so nothing can be shown"
            )
        largest = max(self._alone(unit, clip).norm().item() / clip for unit in everybody)
        self._refuse_above_one(largest, "One unit adds {} of the clip to the sum")
        small = _TENTH * norms[norms > 0].min().item()
        together = self._sum(everybody, small)
        removals = [self._without(unit, small) for unit in everybody]
        removal = max((together - less).norm().item() / small for less in removals)
        self._refuse_above_one(removal, "Taking one unit away moves the sum by {} of the clip")
        alone = [self._alone(unit, small) for unit in everybody]
        largest = max([largest, *(one.norm().item() / small for one in alone)])
        self._refuse_above_one(largest, "One unit adds {} of the clip to the sum")
        apart = (together - torch.stack(alone).sum(0)).norm().item() / (small * self._units)
        if apart > self._slack:
            raise SelfTestFailed(
                "A unit's gradient depends on which others are in the batch: the sum differs from "
                f"its parts by {apart:.2g} of what is allowed"
            )
        return Sensitivity(contribution=largest, removal=removal)

    def _refuse_above_one(self, share: float, words: str) -> None:
        if not share <= 1 + self._slack:
            raise SelfTestFailed(words.format(f"{share:.3g} times" if share > 0 else share))

    def _alone(self, unit: int, clip: float) -> Tensor:
        return self._sum([unit], clip)

    def _without(self, unit: int, clip: float) -> Tensor:
        return self._sum([one for one in range(self._units) if one != unit], clip)

    def _sum(self, units: Sequence[int], clip: float) -> Tensor:
        self._sums.make([self._batch(units)], clip)
        return torch.cat([grad.flatten() for grad in _gradients(self._sums)])

    def _batch(self, units: Sequence[int]) -> UnitBatch:
        places = [unit * self._rows + row for unit in units for row in range(self._rows)]
        records = self._records.picked(places)
        return unit_batch(self._sums.recipe, records, [self._rows] * len(units), self._device)


def _gradients(sums: ClippedSums) -> Iterator[Tensor]:
    for parameter in sums.parameters:
        if parameter.grad is not None:
            yield parameter.grad
