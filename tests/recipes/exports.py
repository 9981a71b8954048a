"""Exported models as a site has them among its assets, made from a recipe's own model."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from securefed.adapters.run_folder import ModelFiles, new_model, write_weights
from securefed.domain.exported import Chapter, ExportedModel, Format, Share
from securefed.domain.identifiers import Digest, Line, StudyId
from securefed.domain.records import to_bytes
from securefed.domain.study import Model
from securefed.domain.study import Recipe as StatedRecipe
from securefed.recipes.exported import weights_digest
from securefed.recipes.layout import Values
from securefed.recipes.pretrained.manifest import manifest_digest
from securefed.recipes.recipe import Recipe
from securefed.recipes.registry import recipe_for
from tests.recipes.stated import stated

TABLE = {
    "target": "ill",
    "numeric": "age:50:20, dose:1:1",
    "model": "mlp",
    "hidden": "4",
}


def record_of(
    recipe: StatedRecipe,
    weights: dict[str, Values],
    form: Format = Format.SAFETENSORS,
    shares: tuple[Share, ...] = (),
) -> ExportedModel:
    """The record of a model that one study made."""
    chapter = Chapter(
        study=StudyId("earlier"),
        title=Line("An earlier study"),
        digest=Digest("sha256:" + "1" * 64),
        rounds=2,
        weights=weights_digest(weights),
        shares=shares,
    )
    count = sum(one.size for one in weights.values())
    return ExportedModel(
        format=form,
        recipe=recipe,
        model=Model(family=recipe.name, parameters=count),
        history=(chapter,),
    )


def export(
    folder: Path,
    recipe: StatedRecipe,
    weights: dict[str, Values],
    form: Format = Format.SAFETENSORS,
    shares: tuple[Share, ...] = (),
) -> str:
    """Writes a folder, and says its digest."""
    record = record_of(recipe, weights, form, shares)
    with new_model(folder, ModelFiles(record=to_bytes(record), card="# A model")) as draft:
        write_weights(draft, weights)
    return str(manifest_digest(folder))


def trained(recipe: Recipe, seed: int = 1, scale: float = 0.5) -> dict[str, Values]:
    """Weights that a recipe could have learnt."""
    chance = torch.Generator().manual_seed(seed)
    return {
        name: (one.detach() + scale * torch.randn(one.shape, generator=chance)).numpy()
        for name, one in recipe.model().named_parameters()
        if one.requires_grad and name not in recipe.kept
    }


def exported(
    folder: Path,
    name: str,
    given: Mapping[str, str],
    assets: Path | None = None,
    seed: int = 1,
    shares: tuple[Share, ...] = (),
) -> tuple[str, dict[str, Values]]:
    """A folder with a recipe's model, its digest, and what is in it."""
    statement = stated(name, given)
    weights = trained(recipe_for(statement, assets, None), seed)
    return export(folder, statement, weights, shares=shares), weights


def parameters_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """All of a model's parameters."""
    return {name: one.detach() for name, one in model.named_parameters()}
