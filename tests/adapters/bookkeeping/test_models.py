"""Whole models in plain torch agree with autograd on each record alone."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tests.adapters.bookkeeping.models import (
    CollaborativeFilter,
    SmallVisionTransformer,
    TiedLanguageModel,
    TwoTower,
    convolutional,
    network,
)
from tests.adapters.bookkeeping.oracle import (
    Batch,
    Losses,
    assert_exact,
    assert_same,
    by_engine,
    cross_entropy,
    gradients_of,
    next_token,
    squares,
)


def likes(model: nn.Module, batch: Batch) -> Tensor:
    """A pointwise loss for recommenders."""
    *inputs, liked = batch
    return nn.functional.binary_cross_entropy_with_logits(
        model(*inputs), liked.to(torch.get_default_dtype()), reduction="none"
    )


def ids(below: int, *shape: int) -> Tensor:
    return torch.randint(below, shape)


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[], Batch], Losses]] = {
    "network": (network, lambda: (torch.randn(6, 6), ids(3, 6)), cross_entropy),
    "convolutional": (
        convolutional,
        lambda: (torch.randn(6, 3, 9, 9), ids(3, 6)),
        cross_entropy,
    ),
    "tied, large table": (lambda: TiedLanguageModel(60, 40), lambda: (ids(9, 5, 7),), next_token),
    "tied, small table": (lambda: TiedLanguageModel(9, 4), lambda: (ids(9, 5, 7),), next_token),
    "collaborative filter": (
        lambda: CollaborativeFilter(50, 40, 8),
        lambda: (ids(50, 9), ids(40, 9), ids(2, 9)),
        likes,
    ),
    "two towers": (
        lambda: TwoTower(30, 6),
        lambda: (ids(30, 7, 5), ids(30, 7), ids(2, 7)),
        likes,
    ),
    "vision transformer": (
        SmallVisionTransformer,
        lambda: (torch.randn(6, 1, 8, 8), ids(3, 6)),
        cross_entropy,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_model_is_exact(case: str) -> None:
    make, draw, losses = CASES[case]
    assert_exact(make(), draw(), losses)


def test_a_layer_used_many_times() -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.step = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(5):
                x = torch.tanh(self.step(x))
            return x

    assert_exact(Loop(), (torch.randn(4, 8),), squares)


def test_one_weight_in_convolutions_with_other_groups() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv1d(16, 32, 2), nn.Conv1d(32, 32, 2, groups=2)
            self.two.weight = self.one.weight

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.two(self.one(x))
            return answer

    assert_exact(Shared(), (torch.randn(4, 16, 4),), squares)


@pytest.mark.parametrize("again", [True, False])
def test_activations_computed_again_in_the_backward_pass(again: bool) -> None:
    class Frugal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.rest = nn.Linear(6, 8), network()

        def forward(self, x: Tensor) -> Tensor:
            hidden = nn.functional.pad(torch.tanh(self.first(x)), (0, -2))
            answer: Tensor = checkpoint(self.rest, hidden, use_reentrant=again)
            return answer

    if again:
        # autograd.grad, which the oracle uses, cannot run this kind.
        model, x = Frugal(), torch.randn(5, 6)
        _, found = by_engine(model, (x,), squares, 1e9)
        torch.autograd.backward(squares(model, (x,)).sum())
        assert_same(found, gradients_of(model), 1e-5)
    else:
        assert_exact(Frugal(), (torch.randn(5, 6),), squares)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_sums_in_full_precision(dtype: torch.dtype) -> None:
    model, batch = network(), (torch.randn(6, 6), torch.randint(3, (6,)))

    def losses(model: nn.Module, batch: Batch) -> Tensor:
        with torch.autocast("cpu", dtype):
            return cross_entropy(model, batch)

    _, plain = by_engine(model, batch, cross_entropy, 0.5)
    done, found = by_engine(model, batch, losses, 0.5)
    assert {part.dtype for part in found.values()} == {torch.float32}
    assert done.norms.dtype == torch.float32
    assert_same(found, plain, 0.03)


def test_the_batch_may_be_added_under_autocast() -> None:
    model, batch = network(), (torch.randn(6, 6), torch.randint(3, (6,)))
    _, plain = by_engine(model, batch, cross_entropy, 0.5)
    with torch.autocast("cpu", torch.bfloat16):
        done, found = by_engine(model, batch, cross_entropy, 0.5)
    assert done.norms.dtype == torch.float32
    assert_same(found, plain, 0.03)


def test_dropout_is_the_same_in_both_passes() -> None:
    model, x = nn.Sequential(nn.Linear(6, 50), nn.Dropout(0.5), nn.Linear(50, 2)), torch.randn(4, 6)
    torch.manual_seed(3)
    _, found = by_engine(model, (x,), squares, 1e9)
    torch.manual_seed(3)
    torch.autograd.backward(squares(model, (x,)).sum())
    assert_same(found, gradients_of(model), 1e-5)
