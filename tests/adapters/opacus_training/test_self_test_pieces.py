"""Large models are measured piece by piece, and what is wrong in any piece shows."""

import math
from collections.abc import Iterable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.mechanism import Numbers
from securefed.adapters.opacus_training.noise import StepNoise
from securefed.adapters.opacus_training.randomness.normals import NormalSource
from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose
from securefed.adapters.opacus_training.self_test import Claim, Proof, proven_module
from securefed.adapters.opacus_training.self_test.noise import measured_noise
from securefed.adapters.opacus_training.self_test.pieces import norm_apart, norm_of, pieces_of
from securefed.errors import SelfTestFailed
from securefed.recipes.recipe import Batch, Forward
from tests.adapters.opacus_training.plain import WIDTH, PlainRecipe, grad_of, mechanism

PIECE = 1 << 18
# Two pieces and one number more.
SHAPES = ((), (7,), (PIECE,), (2 * PIECE + 1,), (3, PIECE // 2 + 1))
# The weight of a layer with so many outputs takes two pieces, and its last output is in the second.
OUTPUTS = PIECE // WIDTH + 100


def tensors(seed: int) -> list[Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=chance) for shape in SHAPES]


def in_a_row(some: list[Tensor]) -> Tensor:
    return torch.cat([one.flatten() for one in some]).double()


def test_pieces_are_all_the_numbers_in_their_order() -> None:
    for one in tensors(1):
        assert torch.equal(torch.cat(list(pieces_of(one))), one.flatten())


def test_a_norm_by_pieces_is_that_of_all_numbers_in_a_row() -> None:
    some, others = tensors(1), tensors(2)
    assert norm_of(some) == pytest.approx(in_a_row(some).norm().item(), rel=1e-5)
    apart = (in_a_row(some) - in_a_row(others)).norm().item()
    assert norm_apart(some, others) == pytest.approx(apart, rel=1e-5)
    assert norm_of([]) == 0
    assert norm_apart(some, some) == 0


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
@pytest.mark.parametrize("place", [0, PIECE, 2 * PIECE])
def test_one_number_that_is_not_finite_shows_wherever_it_is(wrong: float, place: int) -> None:
    some, others = tensors(1), tensors(1)
    others[3][place] = wrong
    assert not math.isfinite(norm_of(others))
    assert not math.isfinite(norm_apart(some, others))


def test_tensors_of_other_sizes_are_not_compared() -> None:
    some = tensors(1)
    with pytest.raises((ValueError, RuntimeError)):
        norm_apart(some, some[:-1])
    with pytest.raises((ValueError, RuntimeError)):
        norm_apart([torch.ones(2 * PIECE + 1)], [torch.ones(2 * PIECE)])


class LastOutput(PlainRecipe):
    """A layer with very many outputs, the last of which can be mixed among the records."""

    def __init__(self, *, mixed: bool) -> None:
        super().__init__()
        self._mixed = mixed

    def model(self) -> nn.Module:
        return nn.Linear(WIDTH, OUTPUTS)

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        answer: Tensor = model(batch["x"])
        last = answer[:, -1]
        if self._mixed:
            last = last - last.mean()
        return answer[:, :-1].square().mean(1) + last.square()


def prove(recipe: PlainRecipe) -> Proof:
    model = recipe.model().train()
    numbers = Numbers.of(mechanism(1), 100, model)
    claim = Claim(
        recipe=recipe,
        clip=numbers.clip,
        noise=numbers.step_noise(),
        deviation=numbers.deviation,
        bound=1,
        device=torch.device("cpu"),
    )
    return proven_module(claim, model)[1]


@pytest.mark.slow
def test_mixing_in_the_last_row_of_a_large_layer_shows() -> None:
    proof = prove(LastOutput(mixed=False))
    assert 0 < proof.largest_contribution <= 1 + 1e-5
    assert 0 < proof.largest_removal <= 1 + 1e-5
    with pytest.raises(SelfTestFailed):
        prove(LastOutput(mixed=True))


class Spoiled(StepNoise):
    """Right noise, times a factor from one place on."""

    def __init__(self, factor: float, start: int) -> None:
        super().__init__(NormalSource(KeyStream(Purpose.NOISE)), 3.0)
        self._factor, self._start = factor, start

    def add_to(self, parameters: Iterable[nn.Parameter]) -> None:
        given = list(parameters)
        super().add_to(given)
        for one in given:
            grad_of(one).view(-1)[self._start :] *= self._factor


@pytest.mark.parametrize(
    ("factor", "start", "word"),
    [(0.0, 2 * PIECE, "no noise"), (0.9, PIECE, "the variance"), (math.nan, 2 * PIECE, "variance")],
)
def test_noise_that_is_wrong_in_a_later_piece_is_found(
    factor: float, start: int, word: str
) -> None:
    measure = partial(measured_noise, deviation=3.0)
    measure(Spoiled(1.0, start), [nn.Parameter(torch.zeros(2 * PIECE + 1))])
    with pytest.raises(SelfTestFailed, match=word):
        measure(Spoiled(factor, start), [nn.Parameter(torch.zeros(2 * PIECE + 1))])
