"""Any recipe, with parts of its model that stay at each site: personal layers.

They are trained by the same steps as the rest, clipped and noised, so that a study's guarantee is
the same with them as without; but they have no place in an update, and each site goes on with its
own. Promises that a part which the study names is a trained one, and that something is still sent.
"""

from dataclasses import dataclass

from securefed.errors import ConfigInvalid
from securefed.recipes.recipe import Recipe
from securefed.recipes.wrapped import Wrapped

_MOST_NAMED = 40


@dataclass(frozen=True, kw_only=True)
class Personal(Wrapped):
    """A recipe, and all parameters that never leave the site: every site begins with the same."""

    kept: frozenset[str]


def with_personal(recipe: Recipe) -> Recipe:
    """The recipe, with the parts that its settings leave at each site, if they name any."""
    words = recipe.settings.personal
    if not words:
        return recipe
    trained = [name for name, one in recipe.model().named_parameters() if one.requires_grad]
    for word in words:
        if not any(_is_part(word, name) for name in trained):
            raise ConfigInvalid(
                f"The model has no trained part {word!a}",
                where="recipe.parameters.personal",
                hint=f"Its trained parameters are: {', '.join(trained[:_MOST_NAMED])}.",
            )
    kept = recipe.kept | {n for n in trained if any(_is_part(word, n) for word in words)}
    if kept.issuperset(trained):
        raise ConfigInvalid(
            "All that is trained would stay at the sites", where="recipe.parameters.personal"
        )
    return Personal(recipe=recipe, kept=kept)


def _is_part(word: str, name: str) -> bool:
    """Whether a parameter is this one, or lies inside a part of this name, wherever that is."""
    return f".{word}." in f".{name}."
