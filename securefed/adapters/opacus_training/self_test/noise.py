"""Whether a step's noise is what the accounting assumes, in every trained parameter.

With sums of nothing, what a step adds is noise alone. In each parameter its variance, its mean and
what two draws after one another have in common must lie within eight standard errors, which a right
source misses less than once in 10⁸ runs. Noise that comes twice would be taken out by subtraction.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.noise import StepNoise
from securefed.adapters.opacus_training.self_test.pieces import pieces_of
from securefed.errors import SelfTestFailed

# Of each parameter: half the noise is a quarter of the variance, and below half of it is refused.
_ENOUGH = 500
_ERRORS = 8.0
# Kept of a draw, to compare the next one with it.
_KEPT = 100_000


@dataclass(frozen=True, kw_only=True)
class MeasuredNoise:
    """The variance as a share of σ²C², over so many numbers."""

    variance: float
    samples: int


def measured_noise(
    noise: StepNoise, parameters: Sequence[nn.Parameter], deviation: float
) -> MeasuredNoise:
    """Raises SelfTestFailed where noise is missing, too small, too large, not centred or reused."""
    heard = [_Heard(parameter, deviation) for parameter in parameters if parameter.numel()]
    for _ in range(2):
        everything = [one.parameter for one in heard]
        for one, drawn in zip(heard, _drawn(noise, everything), strict=True):
            one.add(drawn)
    for one in heard:
        # A small one alone, as often as it takes: its noise would be lost among the large ones'.
        while one.samples < _ENOUGH:
            one.add(*_drawn(noise, [one.parameter]))
        one.refuse_unlike_noise()
    samples = sum(one.samples for one in heard)
    return MeasuredNoise(variance=sum(one.squares for one in heard) / samples, samples=samples)


class _Heard:
    """What one parameter was given, in sums, as shares of the deviation."""

    def __init__(self, parameter: nn.Parameter, deviation: float) -> None:
        self.parameter = parameter
        self._deviation = deviation
        self.samples = 0
        self.squares = 0.0
        self._total, self._products, self._pairs = 0.0, 0.0, 0
        self._last: Tensor | None = None

    def add(self, drawn: Tensor) -> None:
        """Counts a draw."""
        for piece in pieces_of(drawn):
            if not piece.all():
                raise self._failure("is given no noise")
            shares = piece.double() / self._deviation
            self._total += shares.sum().item()
            self.squares += torch.dot(shares, shares).item()
        self.samples += drawn.numel()
        first = drawn.flatten()[:_KEPT].double() / self._deviation
        if self._last is not None:
            self._products += (first * self._last).sum().item()
            self._pairs += len(first)
        self._last = first

    def refuse_unlike_noise(self) -> None:
        """Compares the sums with those of independent normals of variance one."""
        variance = self.squares / self.samples
        if not abs(variance - 1) <= _ERRORS * math.sqrt(2 / self.samples):
            raise self._failure(f"has {variance:.4g} times the variance of noise that it needs")
        if abs(self._total) > _ERRORS * math.sqrt(self.samples):
            raise self._failure("has noise that is not centred on zero")
        if abs(self._products) > _ERRORS * math.sqrt(self._pairs):
            raise self._failure("is given noise that was there before")

    def _failure(self, words: str) -> SelfTestFailed:
        return SelfTestFailed(f"A trained parameter of shape {list(self.parameter.shape)} {words}")


def _drawn(noise: StepNoise, parameters: Sequence[nn.Parameter]) -> Iterator[Tensor]:
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    noise.add_to(parameters)
    for parameter in parameters:
        yield _taken(parameter)


def _taken(parameter: nn.Parameter) -> Tensor:
    grad = parameter.grad
    if grad is None:
        raise SelfTestFailed("A trained parameter is given no noise")
    parameter.grad = None
    return grad.detach()
