"""The noise of a step: in every parameter, fresh, fine-grained; a missing sum stops it."""

import pytest
import torch
from torch import nn

from securefed.adapters.opacus_training.noise import StepNoise
from securefed.adapters.opacus_training.randomness.normals import NormalSource
from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose
from tests.adapters.opacus_training.plain import grad_of


def noise(deviation: float = 2.0) -> StepNoise:
    return StepNoise(NormalSource(KeyStream(Purpose.NOISE)), deviation)


def with_zeros(*shapes: tuple[int, ...]) -> list[nn.Parameter]:
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for one in parameters:
        one.grad = torch.zeros_like(one)
    return parameters


def test_every_parameter_is_given_noise_of_its_own() -> None:
    parameters = with_zeros((200, 50), (10_000,), (100, 100))
    noise().add_to(parameters)
    drawn = torch.stack([grad_of(one).flatten().double() for one in parameters]) / 2
    likeness = drawn @ drawn.T / 10_000 - torch.eye(3)
    assert likeness.abs().max() < 7 * (2 / 10_000) ** 0.5


def test_noise_is_added_to_the_sum_and_does_not_replace_it() -> None:
    (one,) = with_zeros((10_000,))
    one.grad = grad_of(one) + 100
    noise().add_to([one])
    assert abs(grad_of(one).mean().item() - 100) < 7 * 2 / 100


def test_noise_is_not_rounded_to_few_values() -> None:
    (one,) = with_zeros((10_000,))
    noise().add_to([one])
    assert len(set(grad_of(one).tolist())) > 9_900


def test_a_parameter_without_a_sum_stops_the_step() -> None:
    first, second = with_zeros((3,), (3,))
    second.grad = None
    with pytest.raises(RuntimeError, match="no clipped sum"):
        noise().add_to([first, second])


def test_weights_too_coarse_for_noise_stop_the_step() -> None:
    one = nn.Parameter(torch.zeros(3, dtype=torch.bfloat16))
    one.grad = torch.zeros_like(one)
    with pytest.raises(ValueError, match="float32"):
        noise().add_to([one])
