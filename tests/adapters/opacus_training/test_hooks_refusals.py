"""What Opacus' hooks cannot do exactly is refused by name, and the model stays as it was."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from securefed.adapters.opacus_training.hooks import HooksModule
from securefed.errors import UnsupportedLayer
from tests.adapters.bookkeeping.models import (
    network,
)
from tests.adapters.bookkeeping.oracle import (
    Batch,
    assert_same,
    gradients_of,
    squares,
)
from tests.adapters.opacus_training.hooked import CLIP, by_hooks


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(20)
    yield
    torch.set_num_threads(threads)


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


class Frugal(nn.Module):
    """Activations are computed again in the backward pass, where hooks would count them twice."""

    def __init__(self, *, again: bool) -> None:
        super().__init__()
        self.first, self.again = nn.Linear(4, 8), again
        self.rest = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.first(x))
        answer: Tensor = checkpoint(self.rest, hidden, use_reentrant=self.again)
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
    "computed again": (lambda: Frugal(again=False), r"no hook sees.*rest\.0\.weight"),
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


def test_activations_computed_again_by_reentry_are_exact() -> None:
    model, x = Frugal(again=True), torch.randn(6, 4)
    _, found = by_hooks(model, (x,), squares)
    module = BookkeepingModule(model)
    module.clipped_sum(squares(module, (x,)), CLIP)
    assert_same(found, gradients_of(model), 1e-5)
