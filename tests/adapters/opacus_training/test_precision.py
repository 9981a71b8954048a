"""Half precision computes activations; sums, weights and noise are as in float32."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.training import train
from securefed.recipes.recipe import Batch, Forward
from tests.adapters.opacus_training.plain import (
    CountingGate,
    PlainRecipe,
    mechanism,
    plain_run,
    source,
)
from tests.adapters.opacus_training.test_step import Bench

pytestmark = pytest.mark.slow

HALF = ["bfloat16", "float16"]


class Deep(PlainRecipe):
    """A model with positions, whose weights are clipped by their ghost norm."""

    scale = 1.0

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh())

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        answer = model(batch["x"].unsqueeze(2)).mean((1, 2))
        return (answer - batch["y"]).square() * self.scale


class Tiny(Deep):
    """Gradients that half precision alone rounds to nothing."""

    scale = 1e-6


def bench(recipe: PlainRecipe, precision: str, folder: Path, clip: float) -> Bench:
    return Bench(recipe, source(folder, 24), clip, precision)


@pytest.mark.parametrize("precision", HALF)
@pytest.mark.parametrize("clip", [0.01, 1e4])
def test_sums_agree_with_float32(tmp_path: Path, precision: str, clip: float) -> None:
    exact = bench(Deep(), "float32", tmp_path, clip).sum(range(24))
    found = bench(Deep(), precision, tmp_path, clip).sum(range(24))
    assert found.dtype is torch.float32
    assert (found - exact).norm() < 0.03 * exact.norm()


@pytest.mark.parametrize("precision", HALF)
@pytest.mark.parametrize("recipe", [Deep, Tiny])
def test_in_half_precision_too_nobody_adds_more_than_the_clip(
    tmp_path: Path, precision: str, recipe: type[Deep]
) -> None:
    clip = 1e-3 * recipe.scale
    made = bench(recipe(), precision, tmp_path, clip)
    shares = [made.sum([unit]).double().norm().item() / clip for unit in range(24)]
    assert max(shares) <= 1 + 1e-5
    assert min(shares) > 0.99


def test_tiny_gradients_survive_float16(tmp_path: Path) -> None:
    exact = bench(Tiny(), "float32", tmp_path, 1.0).sum(range(24))
    found = bench(Tiny(), "float16", tmp_path, 1.0).sum(range(24))
    assert (found - exact).norm() < 0.05 * exact.norm()


@pytest.mark.parametrize("precision", HALF)
def test_a_run_leaves_float32_weights_with_fine_noise(tmp_path: Path, precision: str) -> None:
    recipe = Deep(precision=precision, learning_rate=1)
    run = plain_run(tmp_path, recipe=recipe, mechanism=mechanism(1, rate="0.5"))
    trained = train(run, CountingGate())
    for one in trained.weights.values():
        assert one.dtype is torch.float32
        # A value that half precision could have held is one in hundreds.
        assert (one != one.to(getattr(torch, precision)).float()).float().mean() > 0.5
