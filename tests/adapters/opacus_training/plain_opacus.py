"""Opacus as its documentation uses it, for tests that measure where it does not hold.

A test that finds it holding says that an upgrade repaired it.
"""

from collections.abc import Callable
from typing import Any

import torch
from opacus import GradSampleModule
from opacus.grad_sample import GradSampleModuleFastGradientClipping
from opacus.optimizers import DPOptimizer, DPOptimizerFastGradientClipping
from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping
from torch import Tensor, nn

from tests.adapters.bookkeeping.oracle import Sums, gradients_of


def options(clip: float, noise: float = 0.0) -> dict[str, Any]:
    return {
        **{"noise_multiplier": noise, "max_grad_norm": clip, "expected_batch_size": 1},
        "loss_reduction": "sum",
    }


def hooks_sum(model: nn.Module, losses: Callable[[nn.Module], Tensor], clip: float) -> Sums:
    """The clipped sum that Opacus' hooks leave in p.grad."""
    module = GradSampleModule(model, loss_reduction="sum")
    optimizer = DPOptimizer(torch.optim.SGD(model.parameters(), lr=1.0), **options(clip))
    try:
        torch.autograd.backward(losses(module).sum())
        optimizer.pre_step()
        return gradients_of(model)
    finally:
        module.to_standard_module()
        model.zero_grad()


def ghost_sum(model: nn.Module, x: Tensor, criterion: nn.Module, clip: float) -> Sums:
    """The clipped sum that its ghost clipping leaves there."""
    module = GradSampleModuleFastGradientClipping(model, max_grad_norm=clip, loss_reduction="sum")
    optimizer = DPOptimizerFastGradientClipping(
        torch.optim.SGD(model.parameters(), lr=1.0), **options(clip)
    )
    lossy = DPLossFastGradientClipping(module, optimizer, criterion, loss_reduction="sum")
    lossy(module(x), torch.zeros(len(x))).backward()
    return gradients_of(model)


class Criterion(nn.Module):
    """A criterion as Opacus wants it, from a function of answers and targets."""

    reduction = "sum"

    def __init__(self, each: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.each = each

    def forward(self, answer: Tensor, wanted: Tensor) -> Tensor:
        losses = self.each(answer, wanted)
        return losses if self.reduction == "none" else losses.sum()
