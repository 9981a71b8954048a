"""The engine on a recipe's own mock, held against autograd on each record alone."""

from pathlib import Path

import torch
from torch import Tensor, nn

from securefed.recipes.images import ImagesSettings, make
from securefed.recipes.recipe import Recipe
from tests.adapters.bookkeeping.oracle import Batch, assert_exact, trained


def assert_exact_on_mock(recipe: Recipe, folder: Path) -> None:
    """Weights first moved off those that a layer begins with, where half a gradient is zero."""
    model = recipe.model()
    batch = recipe.collate(recipe.mock(6, 1, folder))

    def losses(model: nn.Module, parts: Batch) -> Tensor:
        images, label = parts
        return recipe.losses(model, {"images": images, "label": label})

    chance = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for one in trained(model).values():
            one.add_(0.05 * torch.randn(one.shape, generator=chance))
    assert_exact(model, (batch["images"], batch["label"]), losses)


def learnt_accuracy(settings: ImagesSettings, folder: Path, steps: int) -> float:
    """Trains on the mock as anybody would, and counts on another one."""
    recipe = make(settings, None)
    model, batch = recipe.model(), recipe.collate(recipe.mock(60, 1, folder))
    optimizer = torch.optim.Adam(trained(model).values(), lr=0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.autograd.backward(recipe.losses(model, batch).mean())
        optimizer.step()
    with torch.no_grad():
        other = recipe.collate(recipe.mock(60, 2, folder))
        return recipe.metrics(recipe.tallies(model, other).sum(0))["balanced_accuracy"]
