"""Normals have the law they promise: moments, tails, independence, and the scale asked for."""

import math
import threading

import numpy as np
import pytest
import torch
from torch import Tensor

from securefed.adapters.opacus_training.randomness.normals import NormalSource
from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose
from tests.adapters.randomness.conftest import Opened

pytestmark = pytest.mark.slow

MANY = 400_001
TYPES = [torch.float32, torch.float64]
BOTH = pytest.mark.parametrize("sum_of_four", [False, True])


def drawn(opened: Opened, sum_of_four: bool, dtype: torch.dtype = torch.float64) -> Tensor:
    values = NormalSource(opened(3), sum_of_four=sum_of_four).draw((MANY,), dtype=dtype)
    assert values.dtype == dtype
    return values.double()


@BOTH
@pytest.mark.parametrize("dtype", TYPES)
def test_moments(opened: Opened, sum_of_four: bool, dtype: torch.dtype) -> None:
    values = drawn(opened, sum_of_four, dtype)
    # The estimate of the k-th moment has the variance (E[x²ᵏ] − E[xᵏ]²)/n.
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        estimate = float((values**power).mean())
        assert abs(estimate - moment) < 4 * math.sqrt(variance / MANY), power


@BOTH
@pytest.mark.parametrize("dtype", TYPES)
def test_the_whole_distribution(opened: Opened, sum_of_four: bool, dtype: torch.dtype) -> None:
    expected = torch.special.ndtr(drawn(opened, sum_of_four, dtype).sort().values)
    ranks = torch.arange(1, MANY + 1, dtype=torch.float64) / MANY
    distance = float(torch.maximum(ranks - expected, expected - ranks + 1 / MANY).max())
    # Kolmogorov and Smirnov: one law in a thousand is further away.
    assert distance < 1.95 / math.sqrt(MANY)


@BOTH
def test_the_tails(opened: Opened, sum_of_four: bool) -> None:
    values = drawn(opened, sum_of_four)
    for beyond in (2.0, 3.0, 4.0):
        expected = MANY * math.erfc(beyond / math.sqrt(2))
        found = int((values.abs() > beyond).sum())
        assert abs(found - expected) < 4 * math.sqrt(expected), beyond


@BOTH
def test_neighbours_and_pairs_are_independent(opened: Opened, sum_of_four: bool) -> None:
    values = drawn(opened, sum_of_four)
    # 16384 lies between the two values of a pair; squares would show a shared radius.
    for gap in (1, 2, 4096, 16384, 32768):
        for x in (values, values**2 - 1):
            mixed = float((x[:-gap] * x[gap:]).mean() / x.square().mean())
            assert abs(mixed) < 4.5 / math.sqrt(MANY), gap


@pytest.mark.parametrize("dtype", TYPES)
def test_each_value_is_the_transform_of_two_uniforms(opened: Opened, dtype: torch.dtype) -> None:
    found = NormalSource(opened()).draw((6,), scale=2.5, dtype=dtype)
    u = (opened().words(6) >> np.uint64(1)).astype(np.float64) / 2**63
    radius = 2.5 * np.sqrt(-2 * np.log(u[:3] + 2.0**-63))
    expected = [*(radius * np.cos(2 * np.pi * u[3:])), *(radius * np.sin(2 * np.pi * u[3:]))]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=dtype))


def test_a_sum_of_four_takes_no_two_values_of_one_pair(opened: Opened) -> None:
    single = NormalSource(opened())
    each = torch.stack([single.draw((10,), dtype=torch.float64) for _ in range(4)])
    found = NormalSource(opened(), sum_of_four=True).draw((10,), dtype=torch.float64)
    torch.testing.assert_close(found, each.sum(0) / 2)


@BOTH
@pytest.mark.parametrize("scale", [1e-30, 1e-6, 3.0, 1e30])
def test_the_scale(opened: Opened, sum_of_four: bool, scale: float) -> None:
    unit = NormalSource(opened(), sum_of_four=sum_of_four).draw((1000,), dtype=torch.float64)
    scaled = NormalSource(opened(), sum_of_four=sum_of_four).draw((1000,), scale=scale)
    assert scaled.dtype == torch.float32
    torch.testing.assert_close(scaled.double() / scale, unit, rtol=1e-6, atol=0)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0), (7, 5, 3), (32768,), (32769,)])
def test_any_shape(opened: Opened, shape: tuple[int, ...]) -> None:
    values = NormalSource(opened()).draw(shape, dtype=torch.float64)
    assert values.shape == torch.Size(shape)
    assert values.is_contiguous()
    assert len(set(values.flatten().tolist())) == values.numel()


def test_a_second_draw_is_new(opened: Opened) -> None:
    source = NormalSource(opened())
    first, second = source.draw((1000,)), source.draw((1000,))
    assert not set(first.tolist()) & set(second.tolist())


def test_threads_are_not_given_the_same_noise(opened: Opened) -> None:
    source, found = NormalSource(opened()), []
    threads = [
        threading.Thread(target=lambda: found.append(source.draw((100_000,), dtype=torch.float64)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(torch.cat(found).tolist())) == 400_000


def test_the_device_is_the_one_asked_for(opened: Opened) -> None:
    assert NormalSource(opened()).draw((3,), device="meta").device.type == "meta"


def test_torch_seeds_have_no_say() -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(42)
        np.random.seed(42)
        found.append(NormalSource(KeyStream(Purpose.NOISE)).draw((4,)))
    assert not torch.equal(*found)


@pytest.mark.parametrize("scale", [0.0, -1.0, 1e-31, 1e31, math.nan, math.inf])
def test_a_scale_that_would_give_no_noise_is_refused(opened: Opened, scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        NormalSource(opened()).draw((1,), scale=scale)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64])
def test_noise_of_few_values_is_refused(opened: Opened, dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match="float32 or float64"):
        NormalSource(opened()).draw((1,), dtype=dtype)
