"""A study's parameters as text become settings, or an error that names the parameter."""

from pathlib import Path

import pytest

from securefed.domain.identifiers import Line
from securefed.domain.site import Column, ColumnType
from securefed.domain.study import Parameter
from securefed.errors import ConfigInvalid
from securefed.recipes.fit import check_fit
from securefed.recipes.images import NAME, SETTINGS, VERSION, ImagesSettings, make
from securefed.recipes.settings import read_settings


def given(**texts: str) -> ImagesSettings:
    parameters = (Parameter(name=Line(k), value=Line(v)) for k, v in sorted(texts.items()))
    return read_settings(SETTINGS, tuple(parameters))


def columns(**types: ColumnType) -> tuple[Column, ...]:
    return tuple(Column(name=Line(k), type=v, meaning=Line(k)) for k, v in types.items())


INDEX = {"file": ColumnType.TEXT, "sha256": ColumnType.TEXT, "label": ColumnType.CATEGORY}
CORNERS = dict.fromkeys(("xmin", "ymin", "xmax", "ymax"), ColumnType.INTEGER)


def test_defaults_make_a_recipe() -> None:
    recipe = make(given(), None)
    assert (NAME, VERSION, recipe.family, recipe.kept) == (
        *("images", "1.0.0", "cnn-classifier"),
        frozenset(),
    )
    assert sum(one.numel() for one in recipe.model().parameters()) == 23938


def test_text_becomes_settings() -> None:
    settings = given(
        **{"classes": "a, b ,c", "class_weights": "1, 2.5,3", "boxes": "true", "size": "64"},
        **{"colour": "false", "mean": "0", "spread": "1"},
    )
    assert (settings.classes, settings.class_weights) == (("a", "b", "c"), (1.0, 2.5, 3.0))
    assert (settings.boxes, settings.size, settings.channels) == (True, 64, 1)


BAD = [
    *[{"classes": "a"}, {"classes": "a,a"}, {"classes": "a,,b"}, {"class_weights": "1"}],
    *[{"class_weights": "1,0"}, {"class_weights": "1,nan"}, {"class_weights": "1,inf"}],
    *[{"class_weights": "1,x"}, {"spread": "0"}, {"mean": "nan"}, {"colour": "9"}],
    *[{"size": "0"}, {"size": "4", "depth": "3"}, {"size": "1024", "depth": "7"}],
    *[{"width": "5"}, {"width": "0"}, {"train": "lora"}, {"train": "some"}],
    *[{"model": "vit", "patch": "5"}, {"model": "vit", "heads": "3"}, {"paint": "red"}],
]


@pytest.mark.parametrize("texts", BAD, ids=str)
def test_refused(texts: dict[str, str]) -> None:
    with pytest.raises(ConfigInvalid):
        given(**texts)


def test_a_digest_for_a_model_that_is_built_in() -> None:
    with pytest.raises(ConfigInvalid, match="built in"):
        make(given(model_sha256="sha256:" + "0" * 64), None)


def test_each_setting_says_what_it_is() -> None:
    assert all(field.description for field in ImagesSettings.model_fields.values())


def test_the_columns_of_an_index_fit() -> None:
    check_fit(make(given(), None), columns(**INDEX, other=ColumnType.DECIMAL))
    check_fit(
        make(given(boxes="true", target="kind"), None), columns(**INDEX, **CORNERS, kind="category")
    )


@pytest.mark.parametrize("lacking", [*INDEX, *CORNERS])
def test_a_column_that_is_not_there_or_another_type(lacking: str, tmp_path: Path) -> None:
    recipe = make(given(boxes="true"), tmp_path)
    there = INDEX | CORNERS
    with pytest.raises(ConfigInvalid, match=lacking):
        check_fit(recipe, columns(**{name: one for name, one in there.items() if name != lacking}))
    with pytest.raises(ConfigInvalid, match=lacking):
        check_fit(recipe, columns(**there | {lacking: ColumnType.DECIMAL}))
