"""Opacus' hooks behind the interface of book-keeping: the same sums, refusals and clean leaving."""

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from opacus.layers import DPLSTM, DPMultiheadAttention
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from securefed.adapters.opacus_training.hooks import HooksModule
from securefed.errors import LossUnusable, UnsupportedLayer
from tests.adapters.bookkeeping.models import (
    SmallVisionTransformer,
    TiedLanguageModel,
    TwoTower,
    network,
)
from tests.adapters.bookkeeping.oracle import (
    Batch,
    Losses,
    Sums,
    assert_same,
    clipped,
    cross_entropy,
    each_unit,
    gradients_of,
    next_token,
    norm,
    squares,
)

CLIP = 0.3


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(20)
    yield
    torch.set_num_threads(threads)


class LastState(nn.Module):
    """A recurrent network, in the form in which Opacus knows it."""

    def __init__(self) -> None:
        super().__init__()
        self.states, self.head = DPLSTM(6, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.head(self.states(x)[0][:, -1])
        return answer


class Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before, self.layer = nn.Linear(8, 8), DPMultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        answer: Tensor = self.layer(x, x, x, need_weights=False)[0]
        return answer


class Scaled(nn.Module):
    """A layer that somebody wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.randn(6)), nn.Parameter(torch.randn(6))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.scale * x) + self.shift


def wide(*shape: int) -> Callable[[], Batch]:
    return lambda: (torch.randn(6, *shape),)


def labelled(*shape: int) -> Callable[[], Batch]:
    return lambda: (torch.randn(6, *shape), torch.randint(3, (6,)))


Case = tuple[Callable[[], nn.Module], Callable[[], Batch], Losses]

# Book-keeping has rules for these.
BOTH: dict[str, Case] = {
    "network": (network, labelled(6), cross_entropy),
    "tied": (lambda: TiedLanguageModel(9, 4), lambda: (torch.randint(9, (6, 7)),), next_token),
    "two towers": (
        lambda: TwoTower(30, 6),
        lambda: (torch.randint(5, (6, 5)), torch.randint(5, (6,))),
        lambda model, batch: model(*batch).square(),
    ),
    "vision transformer": (SmallVisionTransformer, labelled(1, 8, 8), cross_entropy),
    "attention": (Attends, wide(4, 8), squares),
}
# And none for these.
HOOKS_ONLY: dict[str, Case] = {
    "recurrent": (LastState, labelled(4, 6), cross_entropy),
    "own layer": (lambda: nn.Sequential(nn.Linear(6, 6), Scaled()), wide(4, 6), squares),
    "own layer first": (lambda: nn.Sequential(Scaled(), nn.Linear(6, 6)), wide(6), squares),
    "three dimensions": (lambda: nn.Conv3d(2, 3, 2), wide(2, 3, 3, 3), squares),
    "transposed": (lambda: nn.ConvTranspose1d(2, 3, 2), wide(2, 6), squares),
    "instances": (lambda: nn.InstanceNorm1d(2, affine=True), wide(2, 6), squares),
    "slopes": (lambda: nn.Sequential(nn.Linear(6, 6), nn.PReLU()), wide(6), squares),
}


def by_hooks(
    model: nn.Module, batch: Batch, losses: Losses, clip: float = CLIP, rows: int = 1
) -> tuple[Any, Sums]:
    module = HooksModule(model)
    try:
        done = module.clipped_sum(losses(module, batch), clip, unit_rows=rows)
        return done, gradients_of(model)
    finally:
        module.detach()
        model.zero_grad()


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("case", [*BOTH, *HOOKS_ONLY])
def test_exact_against_each_unit_alone(case: str, rows: int) -> None:
    make, draw, losses = (BOTH | HOOKS_ONLY)[case]
    model, batch = make(), draw()
    gradients = each_unit(model, batch, losses, rows)
    norms = sorted(norm(one) for one in gradients)
    clip = norms[len(norms) // 2]
    done, found = by_hooks(model, batch, losses, clip, rows)
    expected = torch.tensor([norm(one) for one in gradients])
    torch.testing.assert_close(done.norms, expected, rtol=1e-5, atol=1e-8)
    assert_same(found, clipped(gradients, clip), 1e-5)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("case", BOTH)
def test_agrees_with_book_keeping(case: str, rows: int) -> None:
    make, draw, losses = BOTH[case]
    model, batch = make(), draw()
    done, found = by_hooks(model, batch, losses, CLIP, rows)
    module = BookkeepingModule(model)
    other = module.clipped_sum(losses(module, batch), CLIP, unit_rows=rows)
    torch.testing.assert_close(done.norms, other.norms, rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(done.factors, other.factors, rtol=1e-5, atol=1e-8)
    assert_same(found, gradients_of(model), 1e-5)


@pytest.mark.parametrize("case", HOOKS_ONLY)
def test_book_keeping_refuses_what_is_left_to_hooks(case: str) -> None:
    with pytest.raises(UnsupportedLayer, match="has no rule"):
        BookkeepingModule(HOOKS_ONLY[case][0]())


@pytest.mark.parametrize("sizes", [[6], [2, 4], [1, 1, 4]])
def test_physical_batches_add_up(sizes: list[int]) -> None:
    module, x = HooksModule(LastState()), torch.randn(6, 4, 6)
    module.clipped_sum(squares(module, (x,)), CLIP)
    expected = gradients_of(module.model)
    with module.logical_batch(CLIP) as batch:
        for part in torch.split(x, sizes):
            batch.add(squares(module, (part,)))
            assert gradients_of(module.model) == {}
        batch.write()
    assert_same(gradients_of(module.model), expected, 1e-5)


def test_a_logical_batch_without_records_is_zero() -> None:
    module = HooksModule(network())
    with module.logical_batch(CLIP) as batch:
        batch.write()
    found = gradients_of(module.model)
    assert found.keys() == dict(module.model.named_parameters()).keys()
    assert not any(part.any() for part in found.values())


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("poison", [math.nan, math.inf])
@pytest.mark.parametrize("case", ["network", "own layer", "recurrent"])
def test_one_record_that_is_not_finite_silences_its_unit_alone(
    case: str, poison: float, rows: int
) -> None:
    make, draw, losses = (BOTH | HOOKS_ONLY)[case]
    model, batch = make(), draw()
    expected = each_unit(model, batch, losses, rows)
    del expected[3 // rows]
    batch[0][3].view(-1)[0] = poison
    done, found = by_hooks(model, batch, losses, CLIP, rows)
    assert done.nonfinite == 1
    assert done.factors[3 // rows] == 0
    assert_same(found, clipped(expected, CLIP), 1e-5)


def test_half_precision_sums_in_full_precision() -> None:
    model, batch = network(), (torch.randn(6, 6), torch.randint(3, (6,)))
    _, plain = by_hooks(model, batch, cross_entropy)

    def losses(model: nn.Module, batch: Batch) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return cross_entropy(model, batch)

    done, found = by_hooks(model, batch, losses)
    assert done.norms.dtype == torch.float32
    assert {part.dtype for part in found.values()} == {torch.float32}
    assert_same(found, plain, 0.03)


class UsesItsWeightTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layer(x) + x @ self.layer.weight
        return answer


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.used(x)
        return answer


class OnlyRaw(Lazy):
    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.used(x) + x @ self.unused.weight + self.unused.bias
        return answer


class Counted(nn.Module):
    """A parameter and a statistic in one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * (x - self.get_buffer("mean"))


class Positions(nn.Module):
    """One row of positions for all records."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Embedding(9, 4)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = x + self.place(torch.arange(x.shape[1]).unsqueeze(0))
        return answer


class Named(nn.Module):
    """A layer that is called in a way that hooks do not see."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layer(input=x)
        return answer


WHEN_IT_RUNS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "raw weight": (UsesItsWeightTwice, r"outside the layer.*layer\.weight"),
    "unused": (Lazy, r"no part in the loss.*unused\.weight"),
    "raw only": (OnlyRaw, r"no hook sees.*unused\.weight"),
    "shared positions": (Positions, r"1 records and the loss 3.*place\.weight"),
    "by name": (Named, r"Linear apart.*layer"),
    "in place": (
        lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU(inplace=True)),
        "changed in place",
    ),
    "dropout in a layer": (
        lambda: nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True),
        "MultiheadAttention apart",
    ),
}


@pytest.mark.parametrize("case", WHEN_IT_RUNS)
def test_refused_when_it_runs(case: str) -> None:
    make, reason = WHEN_IT_RUNS[case]
    model, x = make(), torch.randn(3, 2, 4)

    def losses(model: nn.Module, batch: Batch) -> Tensor:
        if case == "dropout in a layer":
            answer: Tensor = model(*batch * 3)[0]
            return answer.square().sum((1, 2))
        return squares(model, batch)

    before = {name: set(vars(module)) for name, module in model.named_modules()}
    with pytest.raises(UnsupportedLayer, match=reason):
        by_hooks(model, (x,), losses)
    assert gradients_of(model) == {}
    assert {name: set(vars(module)) for name, module in model.named_modules()} == before


AT_ONCE: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "batch norm": (lambda: nn.BatchNorm1d(4), "batch normalisation.*1"),
    "coarse weights": (lambda: nn.Linear(4, 4, dtype=torch.bfloat16), r"bfloat16.*1\.weight"),
    "buffers": (Counted, "Counted.*1"),
    "bags": (lambda: nn.EmbeddingBag(4, 4), "EmbeddingBag.*1"),
    "renormed table": (lambda: nn.Embedding(4, 4, max_norm=1.0), "mixes records.*1"),
    "counted table": (lambda: nn.Embedding(4, 4, scale_grad_by_freq=True), "mixes records.*1"),
}


@pytest.mark.parametrize("case", AT_ONCE)
def test_refused_before_the_model_is_touched(case: str) -> None:
    make, reason = AT_ONCE[case]
    model = nn.Sequential(nn.Linear(4, 4), make())
    before = {name: set(vars(module)) for name, module in model.named_modules()}
    with pytest.raises(UnsupportedLayer, match=reason):
        HooksModule(model)
    assert {name: set(vars(module)) for name, module in model.named_modules()} == before
    assert not any(vars(parameter) for parameter in model.parameters())


def test_refused_twice_around_the_same_model() -> None:
    model = network()
    module = HooksModule(model)
    with pytest.raises(UnsupportedLayer, match="there already"):
        HooksModule(model)
    module.clipped_sum(squares(module, (torch.randn(3, 6),)), CLIP)


def test_detached_the_model_is_as_it_was() -> None:
    model, x = nn.Sequential(Scaled(), nn.Linear(6, 3)), torch.randn(3, 6)
    before = {name: dict(vars(module)) for name, module in model.named_modules()}
    expected = model(x)
    module = HooksModule(model)
    with torch.no_grad():
        assert torch.equal(module(x), expected)
    module.clipped_sum(squares(module, (x,)), CLIP)
    assert module.detach() is model
    after = {name: dict(vars(module)) for name, module in model.named_modules()}
    assert after.keys() == before.keys()
    for name, one in after.items():
        assert one.keys() == before[name].keys()
        assert one["_is_full_backward_hook"] == before[name]["_is_full_backward_hook"]
        assert not one["_forward_hooks"]
        assert not one["_backward_hooks"]
    assert not any(vars(parameter) for parameter in model.parameters())
    with pytest.raises(RuntimeError, match="detached"):
        module.clipped_sum(squares(model, (x,)), CLIP)


def test_a_batch_that_is_left_midway_leaves_nothing() -> None:
    module = HooksModule(network())
    first, second = torch.randn(4, 6), torch.randn(4, 6)
    module.clipped_sum(squares(module, (second,)), CLIP)
    expected = gradients_of(module.model)
    for _ in range(2):
        with module.logical_batch(CLIP) as batch:
            batch.add(squares(module, (first,)))
            squares(module, (first,))
            break
    assert gradients_of(module.model) == {}
    assert all(vars(one)["grad_sample"] is None for one in module.model.parameters())
    module.clipped_sum(squares(module, (second,)), CLIP)
    assert_same(gradients_of(module.model), expected, 0.0)


def test_a_forward_pass_before_the_batch_does_not_count() -> None:
    module, x = HooksModule(network()), torch.randn(4, 6)
    module.clipped_sum(squares(module, (x,)), CLIP)
    expected = gradients_of(module.model)
    squares(module, (torch.randn(4, 6),))
    with module.logical_batch(CLIP) as batch:
        batch.add(squares(module, (x,)))
        batch.write()
    assert_same(gradients_of(module.model), expected, 0.0)


def test_a_forward_pass_that_is_given_up_within_a_batch_is_refused_not_mistaken() -> None:
    module, x = HooksModule(network()), torch.randn(4, 6)
    with module.logical_batch(CLIP) as batch:
        squares(module, (torch.randn(4, 6),))
        with pytest.raises(UnsupportedLayer, match="no hook sees"):
            batch.add(squares(module, (x,)))
    assert gradients_of(module.model) == {}


def test_a_batch_that_failed_cannot_be_written() -> None:
    module, x = HooksModule(network()), torch.randn(4, 6)
    with module.logical_batch(CLIP) as batch:
        batch.add(squares(module, (x,)))
        with pytest.raises(LossUnusable):
            batch.add(squares(module, (x,)).mean())
        with pytest.raises(RuntimeError, match="given up"):
            batch.write()
    assert gradients_of(module.model) == {}


def test_no_warning_escapes() -> None:
    module, tokens = HooksModule(TiedLanguageModel(9, 4)), torch.randint(9, (4, 5))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        module.clipped_sum(next_token(module, (tokens,)), CLIP)
    assert heard == []


@pytest.mark.parametrize("clip", [0.0, -1.0, math.nan, math.inf])
def test_a_clip_that_bounds_nothing(clip: float) -> None:
    with pytest.raises(ValueError, match="finite and positive"):
        HooksModule(network()).clipped_sum(torch.ones(2), clip)
