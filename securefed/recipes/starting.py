"""Any recipe, begun with the weights of an exported model in place of its own first ones.

Promises that it begins with the folder that the study pins, and with nothing else: every weight of
it has its place and shape in the model, or is left out by name. What the model has beside them is
the recipe's own: frozen weights, and new heads. What stays at each site can begin with it, too: it
is as public as any first weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from securefed.domain.exported import START_DIGEST
from securefed.errors import ConfigInvalid, ModelUnusable
from securefed.recipes.exported import read_exported
from securefed.recipes.layout import Values
from securefed.recipes.pretrained.manifest import pinned_path
from securefed.recipes.recipe import Recipe
from securefed.recipes.settings import Settings
from securefed.recipes.wrapped import Wrapped


@dataclass(frozen=True, kw_only=True)
class Started(Wrapped):
    """A recipe, and the weights that its model begins with."""

    weights: Mapping[str, Values]

    @property
    def kept(self) -> frozenset[str]:
        """As the recipe's."""
        return self.recipe.kept

    def model(self) -> nn.Module:
        """The recipe's model with these weights in it, trained ones and frozen ones."""
        model = super().model()
        put_by_name(self.weights, model)
        return model


def begun_with_start(recipe: Recipe, assets: Path | None) -> Recipe:
    """The recipe, with the start that its settings name, if they name one."""
    settings = recipe.settings
    if not settings.start:
        if settings.start_sha256 or settings.start_without:
            raise ConfigInvalid("There is no model to begin with", where="recipe.parameters.start")
        return recipe
    return Started(recipe=recipe, weights=start_weights(settings, assets))


def start_weights(settings: Settings, assets: Path | None) -> dict[str, Values]:
    """What is taken of the folder that the settings pin."""
    folder = pinned_path(assets, settings.start, settings.start_sha256, START_DIGEST)
    return _without(read_exported(folder).weights, settings.start_without)


def put_by_name(weights: Mapping[str, Values], model: nn.Module) -> None:
    """Gives parameters of a model these values, all of them or none."""
    places = dict(model.named_parameters())
    for name, one in weights.items():
        place = places.get(name)
        if place is None or place.shape != one.shape or place.dtype != torch.float32:
            shape = "no place" if place is None else f"the shape {list(place.shape)}"
            raise ModelUnusable(
                f"A weight of shape {list(one.shape)} has {shape} in this model",
                where=ascii(name),
                hint="The recipe's settings make another model than the one that was exported. "
                "Set them alike, or leave weights out with start_without.",
            )
    with torch.no_grad():
        for name, one in weights.items():
            places[name].copy_(torch.from_numpy(one))


def _without(weights: Mapping[str, Values], prefixes: Sequence[str]) -> dict[str, Values]:
    unused = [one for one in prefixes if not any(name.startswith(one) for name in weights)]
    left = {name: one for name, one in weights.items() if not name.startswith(tuple(prefixes))}
    if unused or not left:
        raise ConfigInvalid(
            f"No weight's name begins with {unused[0]!a}" if unused else "No weight is left",
            where="recipe.parameters.start_without",
            hint=f"The names are: {', '.join(sorted(weights)[:20])}.",
        )
    return left
