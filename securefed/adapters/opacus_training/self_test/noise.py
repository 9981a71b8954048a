"""Whether a step's noise is what the accounting assumes, in every trained parameter.

With sums of nothing, what a step adds is noise alone. Its mean and its variance over at least ten
thousand numbers must lie within seven standard errors, which a right source misses once in 10¹¹.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from securefed.adapters.opacus_training.noise import StepNoise
from securefed.errors import SelfTestFailed

_ENOUGH = 10_000
_ERRORS = 7.0


@dataclass(frozen=True, kw_only=True)
class MeasuredNoise:
    """The variance as a share of σ²C², over so many numbers."""

    variance: float
    samples: int


def measured_noise(
    noise: StepNoise, parameters: Sequence[nn.Parameter], deviation: float
) -> MeasuredNoise:
    """Raises SelfTestFailed where the noise is missing, too small, too large or not centred."""
    samples, total, squares = 0, 0.0, 0.0
    while samples < _ENOUGH:
        for parameter in parameters:
            parameter.grad = torch.zeros_like(parameter)
        noise.add_to(parameters)
        for parameter in parameters:
            drawn = _taken(parameter).double() / deviation
            if not drawn.all():
                raise SelfTestFailed("A trained parameter is given no noise")
            samples += drawn.numel()
            total += drawn.sum().item()
            squares += drawn.square().sum().item()
    found = MeasuredNoise(variance=squares / samples, samples=samples)
    if abs(found.variance - 1) > _ERRORS * math.sqrt(2 / samples):
        raise SelfTestFailed(f"The noise has {found.variance:.4g} times the variance that it needs")
    if abs(total / samples) > _ERRORS / math.sqrt(samples):
        raise SelfTestFailed("The noise is not centred on zero")
    return found


def _taken(parameter: nn.Parameter) -> torch.Tensor:
    grad = parameter.grad
    if grad is None:
        raise SelfTestFailed("A trained parameter is given no noise")
    parameter.grad = None
    return grad.detach()
