"""A recipe as a study states it."""

from collections.abc import Mapping

from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Line, Name, Sentence, Version
from securefed.domain.study import OWN_CODE_KIND, Parameter
from securefed.domain.study import Recipe as StatedRecipe
from securefed.recipes.recipe import Recipe
from securefed.recipes.registry import recipe_for


def parameters(given: Mapping[str, str]) -> tuple[Parameter, ...]:
    return tuple(Parameter(name=Line(name), value=Sentence(given[name])) for name in sorted(given))


def stated(
    name: str, given: Mapping[str, str], version: str = "1.0.0", own_code: bytes | None = None
) -> StatedRecipe:
    return StatedRecipe(
        name=Name(name),
        version=Version(version),
        parameters=parameters(given),
        own_code=None if own_code is None else digest_of(OWN_CODE_KIND, own_code),
    )


def own_recipe(code: bytes, **given: str) -> Recipe:
    return recipe_for(stated("own-code", given, own_code=code), None, code)


def recipe(name: str, **given: str) -> Recipe:
    return recipe_for(stated(name, given), None, None)
