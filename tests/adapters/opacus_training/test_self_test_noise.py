"""Noise that is not what the accounting assumes is found, in whichever parameter it is."""

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import nn

from securefed.adapters.opacus_training.noise import StepNoise
from securefed.adapters.opacus_training.randomness.normals import NormalSource
from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose
from securefed.adapters.opacus_training.self_test.noise import measured_noise
from securefed.errors import SelfTestFailed
from tests.adapters.opacus_training.plain import grad_of

DEVIATION = 3.0


class WrongNoise(StepNoise):
    """Right noise, and then something is done to it."""

    def __init__(self, spoil: Callable[[list[nn.Parameter]], None]) -> None:
        super().__init__(NormalSource(KeyStream(Purpose.NOISE)), DEVIATION)
        self._spoil = spoil

    def add_to(self, parameters: Iterable[nn.Parameter]) -> None:
        given = list(parameters)
        super().add_to(given)
        self._spoil(given)


def model() -> list[nn.Parameter]:
    """A large parameter, a small one and a single number."""
    return [nn.Parameter(torch.zeros(shape)) for shape in ((100, 300), (7,), ())]


def scaled(factor: float, dimensions: int | None = None) -> WrongNoise:
    def spoil(given: list[nn.Parameter]) -> None:
        for one in given:
            if dimensions in (None, one.dim()):
                one.grad = grad_of(one) * factor

    return WrongNoise(spoil)


def test_right_noise_passes() -> None:
    for _ in range(3):
        found = measured_noise(scaled(1), model(), DEVIATION)
        assert found.samples >= 60_000
        assert abs(found.variance - 1) < 8 * (2 / found.samples) ** 0.5


@pytest.mark.parametrize("dimensions", [None, 0, 1, 2])
@pytest.mark.parametrize("factor", [0.0, 1 / 3, 0.5, 2.0, float("nan"), float("inf")])
def test_noise_of_another_size_is_found_in_each_parameter(
    factor: float, dimensions: int | None
) -> None:
    with pytest.raises(SelfTestFailed, match="noise"):
        measured_noise(scaled(factor, dimensions), model(), DEVIATION)


def test_a_parameter_part_of_which_has_no_noise_is_found() -> None:
    def spoil(given: list[nn.Parameter]) -> None:
        for one in given:
            grad_of(one).view(-1)[-1] = 0

    with pytest.raises(SelfTestFailed, match="no noise"):
        measured_noise(WrongNoise(spoil), model(), DEVIATION)


def test_noise_that_is_not_centred_is_found() -> None:
    def spoil(given: list[nn.Parameter]) -> None:
        for one in given:
            grad_of(one).abs_()

    with pytest.raises(SelfTestFailed, match="centred"):
        measured_noise(WrongNoise(spoil), model(), DEVIATION)


@pytest.mark.parametrize("sign", [1, -1])
def test_noise_that_comes_twice_is_found(sign: int) -> None:
    first: dict[torch.Size, torch.Tensor] = {}

    def spoil(given: list[nn.Parameter]) -> None:
        for one in given:
            before = first.pop(one.shape, None)
            if before is None:
                first[one.shape] = grad_of(one).clone()
            else:
                one.grad = sign * before

    with pytest.raises(SelfTestFailed, match="before"):
        measured_noise(WrongNoise(spoil), model(), DEVIATION)


def test_nothing_is_left_in_the_gradients() -> None:
    parameters = model()
    measured_noise(scaled(1), parameters, DEVIATION)
    assert all(one.grad is None for one in parameters)
