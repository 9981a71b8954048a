"""A recipe as a study states it, and the truth that the engine is held against on its mock."""

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Line, Name, Version
from securefed.domain.study import Parameter
from securefed.domain.study import Recipe as StatedRecipe
from securefed.recipes.recipe import Recipe
from securefed.recipes.registry import recipe_for
from tests.adapters.bookkeeping import oracle


def parameters(given: Mapping[str, str]) -> tuple[Parameter, ...]:
    return tuple(Parameter(name=Line(name), value=Line(given[name])) for name in sorted(given))


def stated(
    name: str, given: Mapping[str, str], version: str = "1.0.0", own_code: bytes | None = None
) -> StatedRecipe:
    return StatedRecipe(
        name=Name(name),
        version=Version(version),
        parameters=parameters(given),
        own_code=None if own_code is None else digest_of("own-code", own_code),
    )


def recipe(name: str, **given: str) -> Recipe:
    return recipe_for(stated(name, given), None, None)


def assert_exact_on_mock(tried: Recipe, folder: Path) -> None:
    """The book-keeping engine and a loop over single records agree on every norm and sum."""
    batch = tried.collate(tried.mock(6, 1, folder))
    names = list(batch)

    def losses(model: nn.Module, parts: oracle.Batch) -> oracle.Tensor:
        return tried.losses(model, dict(zip(names, parts, strict=True)))

    oracle.assert_exact(tried.model(), tuple(batch.values()), losses)
