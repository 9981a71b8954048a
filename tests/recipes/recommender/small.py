"""Small recommenders, batches as the engine makes them, and gradients by plain autograd."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from securefed.recipes.recipe import Batch
from securefed.recipes.recommender import RecommenderRecipe, RecommenderSettings, make

MODELS = ("factorisation", "neural", "two-tower")


def recommender(**settings: object) -> RecommenderRecipe:
    known = {"items": 30, "width": 3, "hidden": 4, "user_rows": 50}
    return make(RecommenderSettings.model_validate({**known, **settings}), None)


def as_units(batch: Batch, counts: Sequence[int], rows: int) -> dict[str, Tensor]:
    """A batch whose units have so many records and are filled up to the same number of rows."""
    each = torch.tensor(counts).unsqueeze(1)
    weight = (torch.arange(rows) < each) / each
    unit = torch.arange(len(counts)).repeat_interleave(rows)
    return {**batch, "unit": unit, "weight": weight.flatten()}


def unit_gradients(
    recipe: RecommenderRecipe, model: nn.Module, batch: Mapping[str, Tensor]
) -> list[list[Tensor]]:
    """Each unit's gradients, from a backward pass of its own over its own rows."""
    found = []
    for unit in range(int(batch["unit"][-1]) + 1):
        mine = batch["unit"] == unit
        alone = {name: tensor[mine] for name, tensor in batch.items()}
        alone["unit"] = torch.zeros_like(alone["unit"])
        loss = (recipe.losses(model, alone) * alone["weight"]).sum()
        found.append(list(torch.autograd.grad(loss, list(model.parameters()))))
    return found


def lively(model: nn.Module) -> nn.Module:
    """The model with weights as large as after some training."""
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            generator = torch.Generator().manual_seed(number)
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return model
