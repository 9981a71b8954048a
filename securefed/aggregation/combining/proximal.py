"""FedProx's pull towards the round's first weights (Li et al. 2020), as a part of a gradient.

The loss has μ/2·‖w − w₀‖² added, whose gradient is μ(w − w₀). Neither w nor w₀ tells more of a
record than the noised steps before, so the pull is added to the gradient after noise: it costs
nothing, and the clip has no part of it. In the loss of each record it would be clipped along with
the record's own gradient.
"""

from decimal import Decimal
from typing import Protocol, Self, TypeVar

from securefed.domain.numbers import positive
from securefed.errors import NumberInvalid


class Weights(Protocol):
    """An array or a tensor: what is pulled is what the caller trains."""

    def __sub__(self, other: Self, /) -> Self:
        """The difference, number by number."""
        ...

    def __mul__(self, other: float, /) -> Self:
        """Each number times another."""
        ...


_W = TypeVar("_W", bound=Weights)


def proximal_pull(weights: _W, start: _W, strength: float) -> _W:
    """What is added to the noised gradient at these weights."""
    return (weights - start) * strength


def check_strength(strength: Decimal, rate: Decimal) -> None:
    """Refuses a pull that in one plain gradient step goes beyond where it pulls to."""
    if positive("proximal strength", strength) * positive("learning rate", rate) > 1:
        raise NumberInvalid(f"A pull of {strength} at the rate {rate} goes beyond its target")
