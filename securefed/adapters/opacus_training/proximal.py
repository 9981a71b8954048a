"""FedProx's pull in a step: towards where the round began, after the noise and outside the clip.

Promises that only what an update is made of is pulled, by weights that are public or noised
already, so that a step tells no more of a record than without it. A pull that plain steps would
carry beyond its target is refused before a step is charged.
"""

from collections.abc import Iterable
from decimal import Decimal

import torch
from torch import nn

from securefed.aggregation.combining.proximal import check_strength, proximal_pull
from securefed.recipes.settings import Settings


def check_proximal(strength: Decimal | None, settings: Settings) -> None:
    """Refuses a strength that does not fit how a recipe trains. Adam's steps have a size of their
    own, whatever the gradient is."""
    if strength is not None and settings.optimizer == "sgd":
        check_strength(strength, Decimal(str(settings.learning_rate)))


class ProximalPull:
    """The pull of one run; its parameters have the round's first weights now."""

    def __init__(self, strength: Decimal, parameters: Iterable[nn.Parameter]) -> None:
        self._strength = float(strength)
        self._starts = [(one, one.detach().clone()) for one in parameters]

    def add(self) -> None:
        """Adds the pull to each `p.grad`, which is noised by now."""
        with torch.no_grad():
            for parameter, start in self._starts:
                if parameter.grad is not None:
                    parameter.grad += proximal_pull(parameter.detach(), start, self._strength)
