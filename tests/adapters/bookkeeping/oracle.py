"""The truth that the engine is held against: autograd run on each record alone, clipped, added."""

import statistics
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule, ClippedSum

Batch: TypeAlias = tuple[Tensor, ...]
Losses: TypeAlias = Callable[[nn.Module, Batch], Tensor]
Sums: TypeAlias = dict[str, Tensor]

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


def each_unit(model: nn.Module, batch: Batch, losses: Losses, rows: int) -> list[Sums]:
    """The gradient of each unit of so many records, from a backward pass of its own."""
    found = []
    for i in range(0, len(batch[0]), rows):
        loss = losses(model, tuple(part[i : i + rows] for part in batch)).sum()
        parts = torch.autograd.grad(loss, list(trained(model).values()))
        found.append(dict(zip(trained(model), parts, strict=True)))
    return found


def each_record(model: nn.Module, batch: Batch, losses: Losses) -> list[Sums]:
    """The gradient of each record."""
    return each_unit(model, batch, losses, 1)


def norm(gradient: Sums) -> float:
    return float(torch.stack([part.norm() for part in gradient.values()]).norm())


def clipped(gradients: list[Sums], clip: float) -> Sums:
    """Σ min(1, C/|g|)·g."""
    scaled = [(min(1.0, clip / norm(one)) if norm(one) else 1.0, one) for one in gradients]
    return {
        name: torch.stack([factor * one[name] for factor, one in scaled]).sum(0)
        for name in gradients[0]
    }


def gradients_of(model: nn.Module) -> Sums:
    found = {name: one.grad for name, one in trained(model).items()}
    return {name: grad.clone() for name, grad in found.items() if grad is not None}


def by_engine(
    model: nn.Module, batch: Batch, losses: Losses, clip: float, rows: int = 1
) -> tuple[ClippedSum, Sums]:
    module = BookkeepingModule(model)
    try:
        done = module.clipped_sum(losses(module, batch), clip, unit_rows=rows)
        return done, gradients_of(model)
    finally:
        module.detach()
        model.zero_grad()


def assert_same(found: Sums, expected: Sums, tolerance: float) -> None:
    """Each part within the tolerance of its own length, or of a hundredth of the whole."""
    assert found.keys() == expected.keys()
    floor = norm(expected) / 100
    for name, part in expected.items():
        wrong = float((found[name] - part).norm())
        assert wrong <= tolerance * max(float(part.norm()), floor), name


def assert_exact(model: nn.Module, batch: Batch, losses: Losses) -> None:
    """The engine agrees with the truth in every norm and every sum, with half the batch clipped:
    for the records, and for units of each size into which they go."""
    for rows in range(1, len(batch[0]) + 1):
        if len(batch[0]) % rows == 0:
            assert_exact_for(rows, model, batch, losses)


def assert_exact_for(rows: int, model: nn.Module, batch: Batch, losses: Losses) -> None:
    """For units of so many records."""
    gradients = each_unit(model, batch, losses, rows)
    norms = [norm(one) for one in gradients]
    clip = statistics.median(norms) or 1.0
    dtype = next(iter(trained(model).values())).dtype
    done, found = by_engine(model, batch, losses, clip, rows)
    assert done.nonfinite == 0
    torch.testing.assert_close(
        done.norms, torch.tensor(norms, dtype=dtype), rtol=TOLERANCE[dtype], atol=1e-12
    )
    assert_same(found, clipped(gradients, clip), TOLERANCE[dtype])


def squares(model: nn.Module, batch: Batch) -> Tensor:
    """A loss for a layer alone: how far its answer is from numbers of no meaning."""
    answer = model(*batch).flatten(1)
    wanted = torch.linspace(-1, 1, answer.shape[1], dtype=answer.dtype)
    return (answer - wanted).square().sum(1)


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    """A loss for classifiers: the last part of the batch is the class."""
    *inputs, labels = batch
    return functional.cross_entropy(model(*inputs), labels, reduction="none")


def next_token(model: nn.Module, batch: Batch) -> Tensor:
    """A loss for language models: each record's mean over its tokens."""
    (tokens,) = batch
    scores = model(tokens)[:, :-1]
    each = functional.cross_entropy(scores.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return each.view(len(tokens), -1).mean(1)
