"""The weights of a model by name: what an update is made of, and what stays at the site.

Only trained parameters count; frozen ones are public and the same everywhere. Names and shapes must
agree exactly: a weight that is silently dropped or left as it was would be another training.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from securefed.errors import ModelUnusable
from securefed.recipes.recipe import Recipe

Weights: TypeAlias = dict[str, Tensor]


def trained_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """What training moves, by name; a shared weight stands once."""
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


def shared_parameters(model: nn.Module, recipe: Recipe) -> dict[str, nn.Parameter]:
    """What an update is made of."""
    return {n: one for n, one in trained_parameters(model).items() if n not in recipe.kept}


def kept_parameters(model: nn.Module, recipe: Recipe) -> dict[str, nn.Parameter]:
    """What is trained and never leaves the site."""
    trained = trained_parameters(model)
    missing = recipe.kept - trained.keys()
    if missing:
        raise ModelUnusable(f"The model has no trained parameter {min(missing)!r} to keep")
    return {name: one for name, one in trained.items() if name in recipe.kept}


def copied(parameters: Mapping[str, nn.Parameter]) -> Weights:
    """The values as they are now, on the CPU."""
    return {name: one.detach().to("cpu", copy=True) for name, one in parameters.items()}


def put(weights: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter]) -> None:
    """Gives the parameters these values, all of them or none."""
    if weights.keys() != parameters.keys():
        odd = min(weights.keys() ^ parameters.keys())
        raise ModelUnusable("The weights are not those of this model", where=odd)
    for name, one in parameters.items():
        given = weights[name]
        if given.shape != one.shape or given.dtype != one.dtype or not given.isfinite().all():
            raise ModelUnusable(
                f"Expected finite {one.dtype} weights of shape {list(one.shape)}, not "
                f"{given.dtype} of {list(given.shape)}",
                where=name,
            )
    with torch.no_grad():
        for name, one in parameters.items():
            one.copy_(weights[name])


def weights_in(path: Path) -> Weights:
    """The weights in a file of safetensors."""
    return load_file(path)
