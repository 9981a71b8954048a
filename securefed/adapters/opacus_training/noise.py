"""Adds a step's noise to the clipped sum: normals of standard deviation σ·C, once a step.

Promises noise in every trained parameter, in its own precision, from a keystream that nobody can
redraw. A step takes its noise whether or not any record was drawn.
"""

from collections.abc import Iterable
from typing import Protocol

from torch import Tensor, nn


class Normals(Protocol):
    """Where noise comes from."""

    def add_to(self, values: Tensor, *, scale: float) -> None:
        """Adds independent normals of mean zero and this standard deviation, in place."""
        ...


class StepNoise:
    """The noise of one mechanism."""

    def __init__(self, normals: Normals, deviation: float) -> None:
        self._normals = normals
        self._deviation = deviation

    def add_to(self, parameters: Iterable[nn.Parameter]) -> None:
        """Adds fresh noise to each `p.grad`. A parameter without one is an error: it would go on
        without noise."""
        for parameter in parameters:
            if parameter.grad is None:
                raise RuntimeError("a trained parameter has no clipped sum to add noise to")
            self._normals.add_to(parameter.grad, scale=self._deviation)
