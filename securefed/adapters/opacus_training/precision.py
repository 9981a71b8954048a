"""In which precision activations are computed; weights, sums and noise are float32 in all of them.

Half precision loses gradients that are very small, so there the loss and the clip are multiplied by
the same factor and the sums divided by it: the clipped sum is the same.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn

_HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Precision:
    """One of the precisions of the settings, by its name."""

    name: str

    @property
    def scale(self) -> float:
        """What losses are multiplied by: a power of two, so that nothing is rounded by it."""
        return 1024.0 if self.name == "float16" else 1.0

    @property
    def tolerance(self) -> float:
        """The relative error that sums of gradients have in it."""
        return 0.05 if self.name in _HALF else 1e-3

    def forward(self, device: torch.device) -> AbstractContextManager[object]:
        """Where the model and its losses are computed."""
        if self.name not in _HALF:
            return nullcontext()
        return torch.autocast(device.type, dtype=_HALF[self.name])

    def unscale(self, parameters: Iterable[nn.Parameter]) -> None:
        """Takes the factor out of the sums again."""
        if self.scale == 1.0:
            return
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad /= self.scale
