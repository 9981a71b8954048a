"""The engine's life: it attaches, sums over several batches, and leaves the model as it was."""

import gc
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from securefed.errors import LossUnusable, UnsupportedLayer
from tests.adapters.bookkeeping.models import SmallVisionTransformer, TiedLanguageModel, network
from tests.adapters.bookkeeping.oracle import (
    assert_same,
    cross_entropy,
    gradients_of,
    next_token,
    squares,
)

CLIP = 0.3


def test_detached_the_model_is_as_it_was() -> None:
    model, images = SmallVisionTransformer(), torch.randn(3, 1, 8, 8)
    state = {name: part.clone() for name, part in model.state_dict().items()}
    before = {name: set(vars(module)) for name, module in model.named_modules()}
    expected = model(images)
    module = BookkeepingModule(model)
    assert torch.equal(module(images).detach(), expected.detach())
    module.clipped_sum(cross_entropy(module, (images, torch.tensor([0, 1, 2]))), CLIP)
    assert module.detach() is model
    assert {name: set(vars(one)) for name, one in model.named_modules()} == before
    assert model.state_dict().keys() == state.keys()
    assert all(torch.equal(state[name], part) for name, part in model.state_dict().items())
    torch.autograd.backward(model(images).sum())
    assert gradients_of(model).keys() == dict(model.named_parameters()).keys()


def test_without_autograd_it_answers_as_the_model_does() -> None:
    model, images = SmallVisionTransformer(), torch.randn(3, 1, 8, 8)
    expected = model(images).detach()
    with torch.no_grad():
        assert torch.equal(BookkeepingModule(model)(images), expected)


@pytest.mark.parametrize("sizes", [[8], [3, 5], [1, 1, 6], [2, 2, 2, 2]])
def test_physical_batches_add_up(sizes: list[int]) -> None:
    module, tokens = BookkeepingModule(TiedLanguageModel(60, 40)), torch.randint(60, (8, 6))
    whole = module.clipped_sum(next_token(module, (tokens,)), CLIP)
    expected = gradients_of(module.model)
    with module.logical_batch(CLIP) as batch:
        norms = [
            batch.add(next_token(module, (part,))).norms for part in torch.split(tokens, sizes)
        ]
        assert gradients_of(module.model) == {}
        batch.write()
    torch.testing.assert_close(torch.cat(norms), whole.norms)
    assert_same(gradients_of(module.model), expected, 1e-5)


def test_a_logical_batch_without_records_is_zero() -> None:
    module = BookkeepingModule(network())
    with module.logical_batch(CLIP) as batch:
        batch.write()
    found = gradients_of(module.model)
    assert found.keys() == dict(module.model.named_parameters()).keys()
    assert not any(part.any() for part in found.values())


def test_what_p_grad_held_before_is_gone() -> None:
    module, x = BookkeepingModule(network()), torch.randn(4, 6)
    module.clipped_sum(squares(module, (x,)), CLIP)
    expected = gradients_of(module.model)
    for parameter in module.model.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    module.clipped_sum(squares(module, (x,)), CLIP)
    assert_same(gradients_of(module.model), expected, 0.0)


class Stumbles(nn.Module):
    """It fails in the middle of a forward or a backward pass, once."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        self.where = "nowhere"

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x)
        if self.where == "forward":
            raise ArithmeticError(self.where)
        answer: Tensor = self.two(x)
        if self.where == "backward":
            fails: Any = _Fails
            answer = fails.apply(answer)
        return answer


class _Fails(torch.autograd.Function):
    """It cannot be gone back through."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(_ctx: Any, *_grads: Any) -> Tensor:
        raise ArithmeticError("backward")


def add_two(module: BookkeepingModule, model: Stumbles, x: Tensor, where: str) -> None:
    with module.logical_batch(CLIP) as batch:
        batch.add(squares(module, (x,)))
        model.where = where
        batch.add(squares(module, (x,)))


@pytest.mark.parametrize("where", ["forward", "backward"])
def test_a_batch_that_fails_is_given_up_and_the_next_is_fresh(where: str) -> None:
    model, x = Stumbles(), torch.randn(4, 4)
    module = BookkeepingModule(model)
    module.clipped_sum(squares(module, (x,)), CLIP)
    expected = gradients_of(model)
    with pytest.raises(ArithmeticError, match=where):
        add_two(module, model, x, where)
    assert gradients_of(model) == {}
    model.where = "nowhere"
    module.clipped_sum(squares(module, (x,)), CLIP)
    assert_same(gradients_of(model), expected, 0.0)


def test_a_batch_that_is_left_at_once_leaves_no_older_sum() -> None:
    module = BookkeepingModule(network())
    module.clipped_sum(squares(module, (torch.randn(4, 6),)), CLIP)
    with module.logical_batch(CLIP):
        pass
    assert gradients_of(module.model) == {}


def test_a_batch_that_failed_cannot_be_written() -> None:
    module, x = BookkeepingModule(network()), torch.randn(4, 6)
    with module.logical_batch(CLIP) as batch:
        batch.add(squares(module, (x,)))
        with pytest.raises(LossUnusable):
            batch.add(squares(module, (x,)).mean())
        with pytest.raises(RuntimeError, match="given up"):
            batch.write()
    with pytest.raises(RuntimeError, match="given up"):
        batch.add(squares(module, (x,)))


def test_what_the_layers_saw_is_not_held_by_the_loss() -> None:
    module = BookkeepingModule(nn.Sequential(nn.Linear(6, 13), nn.Tanh(), nn.Linear(13, 3)))
    losses = squares(module, (torch.randn(4, 6),))
    hidden = torch.Size([4, 13])

    def alive() -> int:
        return sum(type(one) is Tensor and one.shape == hidden for one in gc.get_objects())

    assert alive() > 0
    module.clipped_sum(losses, CLIP)
    assert losses.shape == (4,)
    assert alive() == 0


def test_buffers_do_not_change() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    model.register_buffer("mean", torch.ones(4))
    module = BookkeepingModule(model)
    module.clipped_sum(squares(module, (torch.randn(3, 4),)), CLIP)
    assert torch.equal(model.get_buffer("mean"), torch.ones(4))


@pytest.mark.parametrize("clip", [0.0, -1.0, math.nan, math.inf])
def test_a_clip_that_bounds_nothing(clip: float) -> None:
    with pytest.raises(ValueError, match="finite and positive"):
        BookkeepingModule(network()).clipped_sum(torch.ones(2), clip)


def test_a_backward_pass_outside_a_batch_is_an_error() -> None:
    module = BookkeepingModule(network())
    with pytest.raises(RuntimeError, match="only a batch may run one"):
        torch.autograd.backward(squares(module, (torch.randn(3, 6),)).sum())
    assert gradients_of(module.model) == {}


def test_other_parameters_than_at_the_beginning() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4).requires_grad_(False))
    module = BookkeepingModule(model)
    model.requires_grad_(True)
    with pytest.raises(RuntimeError, match="other parameters"):
        module.clipped_sum(squares(module, (torch.randn(3, 4),)), CLIP)


def test_detached_it_sums_nothing() -> None:
    module = BookkeepingModule(network())
    module.detach()
    with pytest.raises(RuntimeError, match="detached"):
        module.clipped_sum(squares(module, (torch.randn(3, 6),)), CLIP)


def test_a_model_called_past_the_engine_is_refused() -> None:
    module = BookkeepingModule(network())
    with pytest.raises(UnsupportedLayer, match="outside the layer"):
        module.clipped_sum(squares(module.model, (torch.randn(3, 6),)), CLIP)
    assert gradients_of(module.model) == {}
