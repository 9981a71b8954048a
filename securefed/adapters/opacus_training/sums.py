"""The clipped sum over some units, in `p.grad`: the one place where records become a gradient."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.batches import UnitBatch
from securefed.adapters.opacus_training.clipping import ClippingModule
from securefed.adapters.opacus_training.precision import Precision
from securefed.errors import LossUnusable
from securefed.recipes.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Norms:
    """The norms of the units that were added, before they were clipped. Private."""

    values: Tensor
    silenced: int


@dataclass(frozen=True, kw_only=True)
class ClippedSums:
    """How sums are made in a run."""

    recipe: Recipe
    module: ClippingModule
    parameters: tuple[nn.Parameter, ...]
    precision: Precision

    def make(
        self, batches: Iterable[UnitBatch], clip: float, check: Callable[[], None] = lambda: None
    ) -> Norms:
        """Adds the units of all batches, each clipped. `check` may end it before each batch."""
        scale = self.precision.scale
        norms = [torch.zeros(0)]
        silenced = 0
        with self.module.logical_batch(clip * scale) as logical:
            for batch in batches:
                check()
                added = logical.add(self._losses(batch) * scale, unit_rows=batch.rows)
                norms.append(added.norms.float().cpu() / scale)
                silenced += added.nonfinite
            logical.write()
        self.precision.unscale(self.parameters)
        return Norms(values=torch.cat(norms), silenced=silenced)

    def _losses(self, batch: UnitBatch) -> Tensor:
        with self.precision.forward(batch.weight.device):
            losses = self.recipe.losses(self.module, batch.tensors)
        if losses.shape != batch.weight.shape:
            raise LossUnusable(
                f"The loss has the shape {list(losses.shape)} for {len(batch.weight)} records"
            )
        return losses.float() * batch.weight
