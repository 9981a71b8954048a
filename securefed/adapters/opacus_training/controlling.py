"""SCAFFOLD's correction in a step: what a control variate adds to a noised gradient.

It is spread evenly over the steps of a round, so that together they go as far as it says. Promises
that it comes after the noise and outside the clip, made of weights that were noised in earlier
rounds, so that a step tells no more of a record than without it. Only plain steps have a length
that is known beforehand; other optimizers are refused before a step is charged.
"""

from collections.abc import Mapping
from decimal import Decimal

from torch import nn

from securefed.adapters.opacus_training.weights import Weights
from securefed.domain.server_rule import stride_of
from securefed.errors import ConfigInvalid
from securefed.recipes.settings import Settings


def check_controlled(settings: Settings) -> None:
    """Refuses to correct steps whose length depends on the gradients before them."""
    if settings.optimizer != "sgd" or settings.momentum:
        raise ConfigInvalid(
            "Control variates need the optimizer sgd without momentum",
            where="combining.control",
            hint="Change the recipe's optimizer and momentum, or leave out control.",
        )


class ControlCorrection:
    """The correction of one run; `correction` has a value for each of the parameters."""

    def __init__(
        self,
        correction: Weights,
        parameters: Mapping[str, nn.Parameter],
        settings: Settings,
        steps: int,
    ) -> None:
        check_controlled(settings)
        rate = Decimal(str(settings.learning_rate))
        stride = float(stride_of(rate, steps, average=settings.average))
        self._parts = [
            (parameters[name], (one / stride).to(parameters[name].device))
            for name, one in correction.items()
        ]

    def add(self) -> None:
        """Adds the correction to each `p.grad`, which is noised by now."""
        for parameter, one in self._parts:
            if parameter.grad is not None:
                parameter.grad += one
