"""Recipes by name and version: exactly what was approved, or an error that says what there is."""

from importlib import import_module

import pytest

from securefed.domain.identifiers import Version
from securefed.errors import AssetMismatch, ConfigInvalid, NotFound
from securefed.recipes.registry import recipe_for, recipe_names, settings_of, version_of
from securefed.recipes.settings import Settings
from tests.recipes.stated import recipe, stated

CODE = b"def model(): pass"


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_has_a_version_and_settings_that_are_explained(name: str) -> None:
    assert Version(version_of(name))
    module = import_module(f"securefed.recipes.{name.replace('-', '_')}")
    assert str(module.NAME) == name
    kind = settings_of(name)
    assert issubclass(kind, Settings)
    assert all(field.description for field in kind.model_fields.values())


def test_an_unknown_recipe_is_told_what_exists() -> None:
    with pytest.raises(NotFound) as caught:
        recipe("tabula", target="ill")
    assert "tabular" in str(caught.value.remedy)


def test_another_version_than_ours_is_not_run() -> None:
    with pytest.raises(NotFound, match=r"tabular 1\.0\.1"):
        recipe_for(stated("tabular", {"target": "ill"}, version="1.0.1"), None, None)


def test_a_recipe_of_ours_takes_no_code() -> None:
    given = {"target": "ill", "boolean": "smoker"}
    for statement, code in [
        (stated("tabular", given, own_code=CODE), None),
        (stated("tabular", given), CODE),
    ]:
        with pytest.raises(ConfigInvalid, match="no code"):
            recipe_for(statement, None, code)


def test_own_code_is_named_by_the_study_and_there() -> None:
    with pytest.raises(ConfigInvalid, match="needs a Python file"):
        recipe_for(stated("own-code", {"columns": "x"}), None, CODE)
    with pytest.raises(AssetMismatch):
        recipe_for(stated("own-code", {"columns": "x"}, own_code=CODE), None, None)
