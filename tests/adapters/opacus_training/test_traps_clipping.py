"""Where Opacus lets one record add more than the clip: measured there, and ours beside it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from securefed.adapters.opacus_training.hooks import HooksModule
from securefed.errors import UnsupportedLayer
from tests.adapters.bookkeeping.models import TiedLanguageModel
from tests.adapters.bookkeeping.oracle import (
    assert_exact,
    by_engine,
    gradients_of,
    next_token,
    norm,
    squares,
)
from tests.adapters.opacus_training.plain_opacus import Criterion, ghost_sum, hooks_sum

CLIP = 0.1
# Rounding may take a sum this far above its bound.
SLACK = 1 + 1e-4

pytestmark = pytest.mark.filterwarnings("ignore:Full backward hook is firing")


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(20)
    yield
    torch.set_num_threads(threads)


def squared(answer: Tensor, _wanted: Tensor) -> Tensor:
    return answer.square().flatten(1).sum(1)


class UsesItsWeightTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layer(x) + 50 * (x @ self.layer.weight.t())
        return answer


def test_ghost_clipping_does_not_clip_a_weight_outside_its_layer() -> None:
    found = ghost_sum(UsesItsWeightTwice(), torch.randn(1, 4), Criterion(squared), CLIP)
    assert norm(found) > 10 * CLIP


def test_hooks_of_opacus_leave_such_a_use_out_without_a_word() -> None:
    model, x = UsesItsWeightTwice(), torch.randn(1, 4)
    found = hooks_sum(model, lambda module: squares(module, (x,)), 1e9)
    torch.autograd.backward(squares(model, (x,)).sum())
    assert norm(found) < norm(gradients_of(model)) / 10


@pytest.mark.parametrize("engine", [BookkeepingModule, HooksModule])
def test_both_of_our_engines_refuse_it(engine: Any) -> None:
    model, x = UsesItsWeightTwice(), torch.randn(1, 4)
    module = engine(model)
    with pytest.raises(UnsupportedLayer, match=r"outside the layer.*layer\.weight"):
        module.clipped_sum(squares(module, (x,)), CLIP)
    assert gradients_of(model) == {}


class _Growing(torch.autograd.Function):
    """The identity, whose gradient is a thousand times as large each time that it is asked."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, times: list[int]) -> Tensor:
        ctx.times = times
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        ctx.times.append(1)
        return grads[0] * 1000.0 ** (len(ctx.times) - 1), None


class GrowingCriterion(Criterion):
    def __init__(self) -> None:
        self.times: list[int] = []
        grown: Any = _Growing
        super().__init__(lambda answer, wanted: squared(grown.apply(answer, self.times), wanted))


def test_ghost_clipping_measures_one_backward_pass_and_adds_another() -> None:
    found = ghost_sum(nn.Linear(4, 3), torch.randn(1, 4), GrowingCriterion(), CLIP)
    assert norm(found) > 900 * CLIP


@pytest.mark.parametrize("engine", [BookkeepingModule, HooksModule])
def test_both_of_our_engines_run_one_backward_pass(engine: Any) -> None:
    model, x, criterion = nn.Linear(4, 3), torch.randn(1, 4), GrowingCriterion()
    criterion.reduction = "none"
    module = engine(model)
    module.clipped_sum(criterion(module(x), x), CLIP)
    assert len(criterion.times) == 1
    assert norm(gradients_of(model)) <= CLIP * SLACK


def cancelling(size: float) -> tuple[Tensor, Tensor]:
    """Two positions of one record, and their gradients, that cancel but for a ten-thousandth."""
    x, back = torch.randn(1, 300), torch.randn(1, 300)
    seen = torch.stack([x, x], dim=1) * size
    return seen, torch.stack([back, -back * (1 + 1e-4)], dim=1) * size


def weighed_by(weights: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda answer, _wanted: (answer * weights).sum((1, 2))


@pytest.mark.parametrize("size", [1e2, 1e4])
def test_ghost_clipping_loses_the_norm_of_a_record_whose_positions_cancel(size: float) -> None:
    """Its norm is a small difference of large numbers in float32, and comes out near zero."""
    largest = 0.0
    for _ in range(5):  # which way it is rounded is chance
        seen, weights = cancelling(size)
        criterion = Criterion(weighed_by(weights))
        found = ghost_sum(nn.Linear(300, 300, bias=False), seen, criterion, CLIP)
        largest = max(largest, norm(found))
    assert largest > 1000 * CLIP


@pytest.mark.parametrize("size", [1e2, 1e4])
def test_our_norms_are_never_below_what_is_added(size: float) -> None:
    for _ in range(5):
        seen, weights = cancelling(size)
        _, found = by_engine(
            nn.Linear(300, 300, bias=False),
            (seen, weights),
            lambda model, batch: (model(batch[0]) * batch[1]).sum((1, 2)),
            CLIP,
        )
        assert 0 < norm(found) <= CLIP * SLACK


def test_ghost_clipping_does_not_do_tied_weights_and_ours_is_exact() -> None:
    tokens = torch.randint(60, (5, 7))
    criterion = Criterion(lambda answer, _: answer.square().sum((1, 2)))
    with pytest.raises(NotImplementedError, match="Parameter tying"):
        ghost_sum(TiedLanguageModel(60, 40), tokens, criterion, CLIP)
    assert_exact(TiedLanguageModel(60, 40), (tokens,), next_token)


@pytest.mark.parametrize("mode", ["hooks", "ghost"])
def test_one_record_that_is_not_a_number_takes_the_whole_sum_of_opacus(mode: str) -> None:
    model, x = nn.Linear(4, 3), torch.randn(5, 4)
    x[2, 0] = float("nan")
    if mode == "hooks":
        found = hooks_sum(model, lambda module: squares(module, (x,)), CLIP)
    else:
        found = ghost_sum(model, x, Criterion(squared), CLIP)
    assert all(part.isnan().all() for part in found.values())


@pytest.mark.parametrize("engine", [BookkeepingModule, HooksModule])
def test_with_us_it_is_left_out(engine: Any) -> None:
    model, x = nn.Linear(4, 3), torch.randn(5, 4)
    module = engine(model)
    module.clipped_sum(squares(module, (x[[0, 1, 3, 4]],)), CLIP)
    expected = gradients_of(model)
    x[2, 0] = float("nan")
    assert module.clipped_sum(squares(module, (x,)), CLIP).nonfinite == 1
    for name, part in gradients_of(model).items():
        torch.testing.assert_close(part, expected[name])


def test_a_table_that_renorms_its_rows_moves_without_noise_in_opacus_and_is_refused_by_us() -> None:
    """Which rows move says what was looked up."""
    model = nn.Embedding(6, 4, max_norm=0.1)
    before = model.weight.detach().clone()
    hooks_sum(model, lambda module: squares(module, (torch.tensor([[2], [4]]),)), CLIP)
    moved = (model.weight.detach() != before).any(1)
    assert moved.nonzero().flatten().tolist() == [2, 4]
    for engine in (BookkeepingModule, HooksModule):
        with pytest.raises(UnsupportedLayer):
            engine(nn.Embedding(6, 4, max_norm=0.1))
