"""No record adds more than the clip, whatever it holds. Where plain Opacus lets one, the tests of
traps beside the engine measure both."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from opacus.optimizers import DPOptimizerFastGradientClipping
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from tests.adapters.bookkeeping.models import (
    SmallVisionTransformer,
    TiedLanguageModel,
    convolutional,
    network,
)
from tests.adapters.bookkeeping.oracle import (
    Batch,
    Sums,
    assert_same,
    by_engine,
    clipped,
    cross_entropy,
    each_record,
    gradients_of,
    next_token,
    norm,
    squares,
    trained,
)

CLIP = 0.1
# Rounding may take a sum this far above its bound.
SLACK = 1 + 1e-4


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("case", ["network", "convolutional", "vision transformer"])
def test_a_record_that_is_not_finite_leaves_the_others_exact(case: str, poison: float) -> None:
    model, shape = {
        "network": (network(), (6,)),
        "convolutional": (convolutional(), (3, 9, 9)),
        "vision transformer": (SmallVisionTransformer(), (1, 8, 8)),
    }[case]
    x, labels = torch.randn(5, *shape), torch.randint(3, (5,))
    good = torch.tensor([0, 1, 3, 4])
    expected = clipped(each_record(model, (x[good], labels[good]), cross_entropy), CLIP)
    x[2].view(-1)[0] = poison
    done, found = by_engine(model, (x, labels), cross_entropy, CLIP)
    assert done.factors[2] == 0
    assert done.nonfinite == 1
    assert_same(found, expected, 1e-5)


def test_a_gradient_too_large_for_its_precision_counts_as_not_finite() -> None:
    model, x = nn.Linear(4, 3), torch.randn(3, 4)
    x[1] *= 1e18
    expected = clipped(each_record(model, (x[[0, 2]],), squares), CLIP)
    done, found = by_engine(model, (x,), squares, CLIP)
    assert done.nonfinite == 1
    assert_same(found, expected, 1e-5)


@pytest.mark.parametrize("kind", ["nan", "inf"])
def test_a_loss_that_is_not_finite_costs_its_record_only(kind: str) -> None:
    model, tokens = TiedLanguageModel(60, 40), torch.randint(60, (5, 7))

    def losses(model: nn.Module, batch: Batch) -> Tensor:
        weights = torch.ones(5).index_fill(0, torch.tensor([1]), float(kind))
        return next_token(model, batch) * weights

    good = torch.tensor([0, 2, 3, 4])
    expected = clipped(each_record(model, (tokens[good],), next_token), CLIP)
    done, found = by_engine(model, (tokens,), losses, CLIP)
    assert done.nonfinite == 1
    assert_same(found, expected, 1e-5)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["network", "convolutional", "tied", "vit"]), st.integers(0, 9999))
def test_one_record_moves_the_sum_by_at_most_the_clip(case: str, seed: int) -> None:
    torch.manual_seed(seed)
    scale = 10.0 ** torch.randint(-3, 4, (4, 1, 1, 1))
    images, labels = torch.randn(4, 1, 8, 8) * scale, torch.randint(3, (4,))
    model: nn.Module
    batch: Batch
    if case == "tied":
        model, losses, batch = TiedLanguageModel(60, 40), next_token, (torch.randint(9, (4, 6)),)
    elif case == "network":
        model, losses, batch = network(), cross_entropy, (images.flatten(1)[:, :6], labels)
    elif case == "vit":
        model, losses, batch = SmallVisionTransformer(), cross_entropy, (images, labels)
    else:
        wide = images.expand(-1, 3, -1, -1)
        model, losses, batch = convolutional(), cross_entropy, (wide, labels)
    _, every = by_engine(model, batch, losses, CLIP)
    _, fewer = by_engine(model, tuple(part[1:] for part in batch), losses, CLIP)
    _, alone = by_engine(model, tuple(part[:1] for part in batch), losses, CLIP)
    assert norm({name: every[name] - fewer[name] for name in every}) <= CLIP * SLACK
    assert norm(alone) <= CLIP * SLACK


@pytest.mark.parametrize("size", [1e3, 1e5])
def test_a_record_whose_positions_cancel_stays_within_the_clip(size: float) -> None:
    """Its ghost norm is lost in rounding: without the slack it would seem to need no clipping."""
    layer, x = nn.Linear(300, 300, bias=False), torch.randn(1, 300)
    seen = torch.stack([x, x], dim=1) * size
    back = torch.randn(1, 300)
    # The two positions cancel but for a ten-thousandth.
    weights = torch.stack([back, -back * (1 + 1e-4)], dim=1) * size

    def losses(model: nn.Module, batch: Batch) -> Tensor:
        return (model(batch[0]) * weights).sum((1, 2))

    _, found = by_engine(layer, (seen,), losses, CLIP)
    assert norm(found) <= CLIP * SLACK


def test_a_tied_record_whose_uses_cancel_stays_within_the_clip() -> None:
    model = TiedLanguageModel(60, 40)
    words, size = torch.tensor([[3, 7]]), 1e5

    class BothUses(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.head = model.table, model.head

        def forward(self, words: Tensor, seen: Tensor, back: Tensor) -> Tensor:
            looked_up = (self.table(words) * back.unsqueeze(1)).sum((1, 2))
            kept = self.head(seen)[:, words[0]].sum(1)
            answer: Tensor = looked_up - kept
            return answer

    both = BothUses()
    for _ in range(8):  # which way it is rounded is chance
        seen = torch.randn(1, 40) * size
        parts = (words, seen, seen * (1 + 1e-4))
        _, found = by_engine(both, parts, lambda m, b: m(*b), CLIP)
        assert norm(found) <= CLIP * SLACK


def test_a_logical_batch_that_is_left_midway_leaves_nothing() -> None:
    model = network()
    module = BookkeepingModule(model)
    first, second = torch.randn(4, 6), torch.randn(4, 6)
    _, expected = by_engine_of(module, second)
    for _ in range(2):
        with module.logical_batch(CLIP) as batch:
            batch.add(squares(module, (first,)))
            break
    assert gradients_of(model) == {}
    _, found = by_engine_of(module, second)
    assert_same(found, expected, 0.0)


def by_engine_of(module: BookkeepingModule, x: Tensor) -> tuple[Tensor, Sums]:
    done = module.clipped_sum(squares(module, (x,)), CLIP)
    return done.norms, gradients_of(module.model)


def test_opacus_optimizer_for_clipped_sums_steps_with_ours() -> None:
    model, x = network(), torch.randn(4, 6)
    before = {name: one.detach().clone() for name, one in trained(model).items()}
    module = BookkeepingModule(model)
    optimizer = DPOptimizerFastGradientClipping(
        torch.optim.SGD(model.parameters(), lr=0.5),
        **{"noise_multiplier": 0.0, "max_grad_norm": CLIP, "expected_batch_size": 4},
        loss_reduction="sum",
    )
    optimizer.zero_grad()
    module.clipped_sum(squares(module, (x,)), CLIP)
    sums = gradients_of(model)
    optimizer.step()
    moved = {name: before[name] - one.detach() for name, one in trained(model).items()}
    assert_same(moved, {name: 0.5 * part for name, part in sums.items()}, 1e-5)
