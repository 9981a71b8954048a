"""How a noised gradient moves the weights, and the mean of where they went.

All of it is post-processing of noised sums: nothing here sees a record.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from securefed.recipes.settings import Settings


def optimizer_for(
    settings: Settings, parameters: Iterable[nn.Parameter], factor: float = 1.0
) -> torch.optim.Optimizer:
    """The optimiser that a recipe's settings ask for, its rate times the round's factor."""
    rate = settings.learning_rate * factor
    if settings.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=rate, weight_decay=settings.weight_decay)
    return torch.optim.SGD(
        parameters,
        lr=rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )


class MeanOfIterates:
    """The mean of the weights after each step."""

    def __init__(self, parameters: dict[str, nn.Parameter]) -> None:
        self._parameters = parameters
        self.count = 0
        self.means: dict[str, Tensor] = {
            name: torch.zeros_like(one) for name, one in parameters.items()
        }

    def add(self) -> None:
        """Counts the weights as they are now."""
        self.count += 1
        with torch.no_grad():
            for name, one in self._parameters.items():
                self.means[name] += (one - self.means[name]) / self.count

    def put(self) -> None:
        """Gives the model the mean."""
        with torch.no_grad():
            for name, one in self._parameters.items():
                one.copy_(self.means[name])
