"""Finds a recipe by the name and version that a study states.

A recipe's module is imported when it is asked for, so that a table does not wait for a library of
language models. A study is run by exactly the version that was approved, or not at all.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from securefed.domain.identifiers import Digest
from securefed.domain.study import Recipe as StudyRecipe
from securefed.errors import AssetMismatch, ConfigInvalid, NotFound
from securefed.recipes.personal import with_personal
from securefed.recipes.recipe import Recipe
from securefed.recipes.settings import Settings, read_settings
from securefed.recipes.starting import begun_with_start

_OWN_CODE: Final = "own-code"
_MODULES: Final = {
    "images": "securefed.recipes.images",
    "language-model": "securefed.recipes.language_model",
    "multi-task": "securefed.recipes.multi_task",
    _OWN_CODE: "securefed.recipes.own_code",
    "recommender": "securefed.recipes.recommender",
    "tabular": "securefed.recipes.tabular",
    "text": "securefed.recipes.text",
}


def recipe_names() -> tuple[str, ...]:
    """All recipes."""
    return tuple(_MODULES)


def version_of(name: str) -> str:
    """A recipe's version."""
    return str(_module(name).VERSION)


def settings_of(name: str) -> type[Settings]:
    """What can be set about a recipe."""
    kind: type[Settings] = _module(name).SETTINGS
    return kind


def recipe_for(stated: StudyRecipe, assets: Path | None, own_code: bytes | None) -> Recipe:
    """The recipe of a study, with its settings. `assets` is the site's folder of public files;
    `own_code` are the bytes of the study's Python file, where it brings one."""
    module = _module(stated.name)
    if str(stated.version) != module.VERSION:
        raise NotFound(
            f"The recipe {stated.name} {stated.version} does not exist here",
            hint=f"This program has {stated.name} {module.VERSION}.",
        )
    settings = read_settings(module.SETTINGS, stated.parameters)
    recipe: Recipe
    if stated.name == _OWN_CODE:
        recipe = module.make(settings, *_own_code(stated, own_code))
    else:
        _check_no_code(stated, own_code)
        recipe = module.make(settings, assets)
    return begun_with_start(with_personal(recipe), assets)


def _check_no_code(stated: StudyRecipe, own_code: bytes | None) -> None:
    if stated.own_code is not None or own_code is not None:
        raise ConfigInvalid(
            f"The recipe {stated.name} runs no code of a study's own",
            where="recipe.own_code",
            hint=f"Leave own_code out, or use the recipe {_OWN_CODE}.",
        )


def _own_code(stated: StudyRecipe, own_code: bytes | None) -> tuple[bytes, Digest]:
    if stated.own_code is None:
        raise ConfigInvalid(
            f"The recipe {_OWN_CODE} needs a Python file",
            where="recipe.own_code",
            hint="Name the file in the study, relative to the study's folder.",
        )
    if own_code is None:
        raise AssetMismatch("The study's own code is not here")
    return own_code, stated.own_code


def _module(name: str) -> ModuleType:
    if name not in _MODULES:
        raise NotFound(
            f"There is no recipe {name!r}", hint=f"The recipes are: {', '.join(_MODULES)}."
        )
    return import_module(_MODULES[name])
