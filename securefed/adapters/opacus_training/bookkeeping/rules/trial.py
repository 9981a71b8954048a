"""Whether a module that is known by its form alone computes what its rule computes, by trial.

Draws from a generator of its own, so that a model's chance is not touched. A rule that described
its layer wrongly would still be private, since it bounds what it adds, but it would train wrongly.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def answers_alike(
    module: nn.Module, apply: Callable[[Tensor], Tensor], shape: tuple[int, ...], like: Tensor
) -> bool:
    """Whether both answer the same on drawn numbers."""
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=chance).to(like)
    with torch.no_grad():
        expected, found = module(x), apply(x)
    return expected.shape == found.shape and torch.allclose(expected, found, rtol=1e-4, atol=1e-5)
