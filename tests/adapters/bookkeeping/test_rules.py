"""Every layer rule agrees with autograd on each record alone, for shapes as they are drawn."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.adapters.bookkeeping.oracle import assert_exact, squares

FEW = settings(max_examples=15, deadline=None)
RECORDS = st.integers(1, 4)
SMALL = st.integers(1, 5)
PRECISION = st.sampled_from([torch.float32, torch.float64])


def check(layer: nn.Module, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """As the first layer, whose input has no gradient, and behind another, whose input has one."""
    layer = layer.to(dtype)
    x = torch.randn(shape, dtype=dtype)
    assert_exact(layer, (x,), squares)
    before = nn.Linear(shape[-1], shape[-1], dtype=dtype)
    assert_exact(nn.Sequential(before, nn.Tanh(), layer), (x,), squares)


@FEW
@given(RECORDS, st.lists(SMALL, max_size=3), SMALL, SMALL, st.booleans(), PRECISION)
def test_linear(
    records: int, between: list[int], inputs: int, outputs: int, bias: bool, dtype: torch.dtype
) -> None:
    check(nn.Linear(inputs, outputs, bias=bias), (records, *between, inputs), dtype)


@pytest.mark.parametrize("positions", [1, 2, 40])
def test_linear_in_both_forms(positions: int) -> None:
    check(nn.Linear(9, 8), (3, positions, 9), torch.float64)


@FEW
@given(RECORDS, st.lists(SMALL, max_size=2), st.integers(2, 6), SMALL, st.booleans(), PRECISION)
def test_embedding_with_repeated_rows(
    records: int, between: list[int], rows: int, width: int, pads: bool, dtype: torch.dtype
) -> None:
    table = nn.Embedding(rows, width, padding_idx=1 if pads else None, dtype=dtype)
    assert_exact(table, (torch.randint(rows, (records, *between)),), squares)


@FEW
@given(
    RECORDS,
    st.sampled_from([(1, 2, 3), (2, 4, 2), (3, 3, 6)]),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(0, 2),
    st.integers(1, 2),
    st.sampled_from(["zeros", "reflect", "circular", "replicate"]),
    st.booleans(),
    PRECISION,
)
def test_convolutions(
    records: int,
    channels: tuple[int, int, int],
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
    mode: str,
    bias: bool,
    dtype: torch.dtype,
) -> None:
    groups, inputs, outputs = channels
    outputs = groups * outputs
    inputs = groups * inputs
    options = {"groups": groups, "bias": bias, "padding_mode": mode, "dtype": dtype}
    sizes = (inputs, outputs, kernel, stride, padding, dilation)
    check(nn.Conv1d(*sizes, **options), (records, inputs, 7), dtype)
    check(nn.Conv2d(*sizes, **options), (records, inputs, 7, 6), dtype)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [(2, 3), (3, 4)])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_convolution_with_named_padding(
    padding: str, kernel: tuple[int, int], dilation: int
) -> None:
    layer = nn.Conv2d(2, 3, kernel, padding=padding, dilation=dilation)
    check(layer, (3, 2, 8, 9), torch.float64)


@pytest.mark.parametrize("size", [2, 9])
def test_convolution_in_both_forms(size: int) -> None:
    check(nn.Conv2d(12, 16, 2, groups=2), (3, 12, size, size), torch.float64)


@FEW
@given(RECORDS, st.lists(SMALL, max_size=2), st.lists(st.integers(2, 4), min_size=1, max_size=2))
def test_layer_norm(records: int, between: list[int], over: list[int]) -> None:
    layer = nn.LayerNorm(over)
    nn.init.normal_(layer.weight)
    check(layer, (records, *between, *over), torch.float64)


def test_layer_norm_without_bias() -> None:
    check(nn.LayerNorm(4, bias=False), (3, 2, 4), torch.float32)


@pytest.mark.parametrize("places", [(), (5,), (3, 4)])
def test_group_norm(places: tuple[int, ...]) -> None:
    layer = nn.GroupNorm(2, 6)
    nn.init.normal_(layer.weight)
    check(layer, (3, 6, *places), torch.float64)


class ModelsOwnRMSNorm(nn.Module):
    """As Llama has it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width))
        self.variance_epsilon = 1e-4

    def forward(self, x: Tensor) -> Tensor:
        variance = x.pow(2).mean(-1, keepdim=True)
        return self.weight * (x * torch.rsqrt(variance + self.variance_epsilon))


@pytest.mark.parametrize("layer", [nn.RMSNorm(5), nn.RMSNorm(5, eps=1e-3), ModelsOwnRMSNorm(5)])
def test_rms_norm(layer: nn.Module) -> None:
    check(layer, (3, 4, 5), torch.float64)


class Conv1D(nn.Module):
    """As GPT-2 has it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.randn(outputs))

    def forward(self, x: Tensor) -> Tensor:
        shape = (*x.shape[:-1], self.weight.shape[1])
        return torch.addmm(self.bias, x.view(-1, x.shape[-1]), self.weight).view(shape)


@pytest.mark.parametrize("positions", [1, 3, 40])
def test_transposed_linear(positions: int) -> None:
    check(Conv1D(7, 6), (3, positions, 7), torch.float64)


@pytest.mark.parametrize("frozen", ["weight", "bias"])
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(4, 3), (3, 2, 4)),
        (nn.Conv2d(2, 3, 2), (3, 2, 4, 4)),
        (nn.LayerNorm(4), (3, 2, 4)),
        (nn.GroupNorm(2, 4), (3, 4, 4)),
        (Conv1D(4, 3), (3, 2, 4)),
    ],
)
def test_a_frozen_half_of_a_layer(layer: nn.Module, shape: tuple[int, ...], frozen: str) -> None:
    layer.get_parameter(frozen).requires_grad_(False)
    try:
        check(layer, shape, torch.float64)
        assert layer.get_parameter(frozen).grad is None
    finally:
        layer.requires_grad_(True)
