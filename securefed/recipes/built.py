"""A model built again from its recipe and its exported weights.

Promises that no trained weight is left as the recipe draws it: one that the export lacks is an
error. What was never trained comes from the recipe's own pinned folder.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from securefed.domain.exported import START_PARAMETERS
from securefed.domain.study import Recipe as StatedRecipe
from securefed.errors import ModelUnusable
from securefed.recipes.layout import Values
from securefed.recipes.recipe import Recipe
from securefed.recipes.registry import recipe_for
from securefed.recipes.starting import Started, put_by_name


@dataclass(frozen=True, kw_only=True)
class Built:
    """A recipe, and its model with the weights."""

    recipe: Recipe
    model: nn.Module
    weights: Mapping[str, Values]

    @property
    def whole(self) -> Recipe:
        """The recipe, whose every new model has the weights, those that it does not train too."""
        return Started(recipe=self.recipe, weights=self.weights)


def built(
    stated: StatedRecipe,
    weights: Mapping[str, Values],
    assets: Path | None,
    own_code: bytes | None,
) -> Built:
    """The recipe with a model that has these weights, in evaluation mode."""
    recipe = recipe_for(_without_start(stated), assets, own_code)
    model = recipe.model().eval()
    put_by_name(weights, model)
    trained = {name for name, one in model.named_parameters() if one.requires_grad}
    if missing := sorted(trained - weights.keys() - recipe.kept):
        raise ModelUnusable(
            f"{len(missing)} weights of the model are not in its folder", where=missing[0]
        )
    return Built(recipe=recipe, model=model, weights=weights)


def _without_start(stated: StatedRecipe) -> StatedRecipe:
    """An exported model has the weights that it began with."""
    parameters = (one for one in stated.parameters if one.name not in START_PARAMETERS)
    return replace(stated, parameters=tuple(parameters))
