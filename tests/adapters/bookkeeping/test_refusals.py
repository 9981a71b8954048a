"""What the engine cannot treat exactly is refused by name, and the model stays as it was."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from securefed.errors import LossUnusable, UnsupportedLayer
from tests.adapters.bookkeeping.oracle import by_engine, gradients_of, squares


class OwnForward(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


class Scale(nn.Module):
    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(shape))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x


class AlmostRMSNorm(Scale):
    """It has the name, and adds one to its weight as Gemma does."""

    def __init__(self) -> None:
        super().__init__(4)
        self.weight, self.eps = self.scale, 1e-6
        del self.scale

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.rms_norm(x, (4,), 1 + self.weight, self.eps)


def without_first_use(layer: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), layer)


AT_ONCE: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "batch norm": (lambda: nn.BatchNorm1d(4), "batch normalisation.*1"),
    "frozen batch norm": (lambda: nn.BatchNorm1d(4, affine=False), "batch normalisation"),
    "attention": (lambda: nn.MultiheadAttention(4, 2, kdim=3), "MultiheadAttention.*q_proj_weight"),
    "recurrent": (lambda: nn.LSTM(4, 4), "LSTM has no rule"),
    "own forward": (lambda: OwnForward(4, 4), "OwnForward has no rule"),
    "derived weight": (
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)),
        "ParametrizationList|parametri",
    ),
    "renormed table": (lambda: nn.Embedding(4, 4, max_norm=1.0), "Embedding has no rule"),
    "batch-counted table": (lambda: nn.Embedding(4, 4, scale_grad_by_freq=True), "Embedding"),
    "another RMSNorm": (AlmostRMSNorm, "AlmostRMSNorm has no rule"),
    "a scale for each channel": (lambda: Scale(4), r"Scale has no rule.*1\.scale"),
    "a list of parameters": (lambda: nn.ParameterList([torch.ones(1, 4)]), "ParameterList"),
    "coarse weights": (lambda: nn.Linear(4, 4, dtype=torch.bfloat16), "bfloat16"),
}


@pytest.mark.parametrize("case", AT_ONCE)
def test_a_model_is_refused_before_it_is_touched(case: str) -> None:
    make, reason = AT_ONCE[case]
    model = without_first_use(make())
    before = {name: dict(vars(module)) for name, module in model.named_modules()}
    with pytest.raises(UnsupportedLayer, match=reason):
        BookkeepingModule(model)
    assert {name: dict(vars(module)) for name, module in model.named_modules()} == before


class Wrapped(nn.Module):
    """A class token that is put to the use of the test."""

    def __init__(self, use: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.token, self.use = nn.Parameter(torch.randn(1, 2, 4)), use

    def forward(self, x: Tensor) -> Tensor:
        return self.use(x, self.token)


@pytest.mark.parametrize(
    "use",
    [
        lambda x, token: x.unsqueeze(1) + token,  # meets the third dimension of four
        lambda x, token: x * token.sum(),
        lambda x, token: torch.cat([x, token], dim=0)[:3],
        lambda x, token: x * token[0],
        lambda x, token: x * token.transpose(0, 1)[:1],
        lambda x, token: x @ token.mT @ x,
        lambda x, token: x * token.mean(0),
    ],
)
def test_a_raw_parameter_that_could_meet_another_record(
    use: Callable[[Tensor, Tensor], Tensor],
) -> None:
    model = Wrapped(use)
    with pytest.raises(UnsupportedLayer, match=r"cannot be told apart by record.*token"):
        by_engine(model, (torch.randn(3, 2, 4),), squares, 1.0)
    assert "token" not in vars(model)


def test_a_row_that_is_taken_for_all_records() -> None:
    """With two records and two positions nothing but the index tells them apart."""
    model = Wrapped(lambda x, token: x[:, 0] * token[0])
    with pytest.raises(UnsupportedLayer, match=r"'__getitem__'.*token"):
        by_engine(model, (torch.randn(2, 2, 4),), squares, 1.0)


def test_an_input_without_records_as_long_as_there_are_records() -> None:
    class Summary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = x + self.layer(x.mean(1))
            return answer

    with pytest.raises(UnsupportedLayer, match=r"shape \[3\].*layer"):
        by_engine(Summary(), (torch.randn(3, 3),), squares, 1.0)


def test_an_unused_parameter() -> None:
    class Lazy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.used(x)
            return answer

    model = Lazy()
    with pytest.raises(UnsupportedLayer, match=r"no part in the loss.*unused\.weight"):
        by_engine(model, (torch.randn(3, 4),), squares, 1.0)
    assert gradients_of(model) == {}
    model.unused.requires_grad_(False)
    by_engine(model, (torch.randn(3, 4),), squares, 1.0)


def test_records_must_be_the_first_dimension_of_every_layer() -> None:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.layer(x.transpose(0, 1)).transpose(0, 1)
            return answer

    with pytest.raises(UnsupportedLayer, match=r"\[2, 3, 4\].*each of 3 records.*layer"):
        by_engine(Turned(), (torch.randn(3, 2, 4),), squares, 1.0)


def test_positions_without_records_are_refused_unless_their_number_is_that_of_the_records() -> None:
    """Why the self-test has to try batches of two sizes."""

    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.place = nn.Embedding(9, 4)

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = x + self.place(torch.arange(x.shape[1]))
            return answer

    by_engine(Positions(), (torch.randn(3, 3, 4),), squares, 1.0)
    with pytest.raises(UnsupportedLayer, match=r"\[3\].*each of 2 records.*place"):
        by_engine(Positions(), (torch.randn(2, 3, 4),), squares, 1.0)


@pytest.mark.parametrize("reduce", [Tensor.mean, Tensor.detach, lambda each: each.unsqueeze(1)])
def test_a_loss_that_is_not_one_number_a_record(reduce: Callable[[Tensor], Tensor]) -> None:
    model = nn.Linear(4, 3)
    with pytest.raises(LossUnusable, match="one number for each"):
        by_engine(model, (torch.randn(3, 4),), lambda m, b: reduce(squares(m, b)), 1.0)


def test_a_loss_of_other_records_than_the_layers_saw() -> None:
    model = nn.Linear(4, 3)
    with pytest.raises(UnsupportedLayer, match="3 records and the loss 2"):
        by_engine(model, (torch.randn(3, 4),), lambda m, b: squares(m, b)[:2], 1.0)


def test_a_model_called_without_a_tensor() -> None:
    with pytest.raises(UnsupportedLayer, match="without a tensor"):
        BookkeepingModule(nn.Identity())("words")


def test_a_forward_that_somebody_else_replaced() -> None:
    model = nn.Linear(4, 3)
    vars(model)["forward"] = lambda x: x
    with pytest.raises(UnsupportedLayer, match="replaced its forward"):
        BookkeepingModule(model)
