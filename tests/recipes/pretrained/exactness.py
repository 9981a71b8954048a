"""The engine on a recipe's own mock, held against autograd on each record alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from securefed.recipes.recipe import Recipe
from tests.adapters.bookkeeping.oracle import Batch, assert_exact, trained


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in the same order every time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def assert_exact_on_mock(
    recipe: Recipe, folder: Path, precision: torch.dtype = torch.float64
) -> None:
    """Weights first move off those that LoRA begins with, where half a gradient is zero. In double
    precision: the records' gradients nearly cancel, and what is left of their rounding would show.
    """
    model = recipe.model().to(precision)
    batch = recipe.collate(recipe.mock(6, 1, folder))

    def losses(model: nn.Module, parts: Batch) -> Tensor:
        return recipe.losses(model, dict(zip(batch, parts, strict=True)))

    chance = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for one in trained(model).values():
            one.add_(torch.randn(one.shape, generator=chance, dtype=precision), alpha=0.05)
    with one_thread():
        assert_exact(model, tuple(batch.values()), losses)


def numbers_trained(recipe: Recipe) -> int:
    return sum(one.numel() for one in trained(recipe.model()).values())


def trained_on_mock(recipe: Recipe, folder: Path, steps: int) -> tuple[float, dict[str, float]]:
    """Trains as anybody would; how much of the loss is left, and the metrics on another mock."""
    model, batch = recipe.model(), recipe.collate(recipe.mock(40, 1, folder))
    optimizer = torch.optim.Adam(trained(model).values(), lr=recipe.settings.learning_rate)
    seen = []
    with one_thread():
        for _ in range(steps):
            optimizer.zero_grad()
            loss = recipe.losses(model, batch).mean()
            torch.autograd.backward(loss)
            optimizer.step()
            seen.append(loss.item())
        with torch.no_grad():
            other = recipe.collate(recipe.mock(40, 2, folder))
            metrics = recipe.metrics(recipe.tallies(model, other).sum(0))
    return seen[-1] / seen[0], dict(metrics)


def assert_records_alone(recipe: Recipe, folder: Path) -> None:
    """Losses and tallies are the same for each record by itself."""
    model, records = recipe.model(), recipe.mock(7, 3, folder)
    together = recipe.collate(records)
    with torch.no_grad(), one_thread():
        losses = recipe.losses(model, together)
        tallies = recipe.tallies(model, together)
        for i in range(len(records)):
            alone = recipe.collate(records.picked([i]))
            torch.testing.assert_close(recipe.losses(model, alone), losses[i : i + 1])
            torch.testing.assert_close(recipe.tallies(model, alone), tallies[i : i + 1])
    assert tallies.norm(dim=1).max() <= 1 + 1e-6
