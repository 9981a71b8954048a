"""Records as tensors, and what is refused: by column, and never by value."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from securefed.domain.study import Parameter
from securefed.errors import AssetMismatch, ConfigInvalid, DataUnreadable
from securefed.recipes.recipe import Recipe
from securefed.recipes.recommender import RecommenderSettings, make
from securefed.recipes.recommender.ratings import user_row
from securefed.recipes.records import Records
from securefed.recipes.settings import read_settings
from tests.recipes.recommender.small import recommender

SECRET = "31337"


def _records(**cells: object) -> Records:
    known: dict[str, Any] = {"user": "ada", "item": 3, "rating": 4.0}
    return Records(columns={n: [one] for n, one in (known | cells).items()}, folder=Path())


def test_a_record_becomes_rows_and_a_distance_from_the_public_mean() -> None:
    batch = recommender(mean=3.5).collate(_records())
    assert batch["item"].tolist() == [3]
    assert batch["rating"].tolist() == [0.5]
    assert batch["user"].tolist() == [user_row("ada", 50)]


def test_a_number_and_its_digits_are_the_same_user_and_item() -> None:
    recipe = recommender()
    one, other = recipe.collate(_records(user=7)), recipe.collate(_records(user="7", item="3"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_without_a_table_no_user_is_read() -> None:
    recipe = recommender(users="records")
    assert set(recipe.collate(_records(user=None))) == {"item", "rating"}
    assert [need.name for need in recipe.needs()] == ["item", "rating"]


def test_only_a_table_of_users_is_kept() -> None:
    with_table = recommender()
    assert with_table.kept == {"user.weight"}
    assert with_table.kept < {name for name, _ in with_table.model().named_parameters()}
    assert recommender(users="records").kept == set()


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *(("item", cell) for cell in (SECRET, 31337, -1, "03", "3.0", 3.0, True, None, "", "٣")),
        *(("rating", cell) for cell in (31337, 0.99, 5.01, SECRET, None, float("nan"), True)),
        *(("user", cell) for cell in (None, "", True, 1.5)),
    ],
)
def test_a_cell_without_a_place_names_its_column_and_not_itself(column: str, cell: object) -> None:
    with pytest.raises(DataUnreadable) as caught:
        recommender().collate(_records(**{column: cell}))
    assert caught.value.where == column
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def _with_catalogue(assets: Path | None, content: bytes, name: str = "films.txt") -> Recipe:
    pin = "sha256:" + hashlib.sha256(content).hexdigest()
    return make(RecommenderSettings(catalogue=name, catalogue_sha256=pin, width=2), assets)


def test_items_of_a_catalogue_stand_where_it_says(tmp_path: Path) -> None:
    content = b"heat\n31337\n7\n"
    tmp_path.joinpath("films.txt").write_bytes(content)
    recipe = _with_catalogue(tmp_path, content)
    assert recipe.model().get_parameter("item.weight").shape == (3, 3)
    columns: dict[str, Any] = {"item": ["7", 7, "heat", SECRET], "rating": [3.0] * 4}
    columns["user"] = ["ada"] * 4
    assert recipe.collate(Records(columns=columns, folder=tmp_path))["item"].tolist() == [
        2,
        2,
        0,
        1,
    ]
    with pytest.raises(DataUnreadable, match="not in the public catalogue") as caught:
        recipe.collate(_records(item="alien"))
    assert "alien" not in str(caught.value)


def test_a_catalogue_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    tmp_path.joinpath("films.txt").write_bytes(b"heat\n7\nspy\n")
    with pytest.raises(AssetMismatch):
        _with_catalogue(tmp_path, b"heat\n7\n")


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"a\n\nb\n", b"a\nb\na\n", b"\xff\xfe\n", b"a\r\nb\r\n", b" a\n"]
)
def test_a_catalogue_is_text_with_each_id_once(tmp_path: Path, content: bytes) -> None:
    tmp_path.joinpath("films.txt").write_bytes(content)
    with pytest.raises(DataUnreadable):
        _with_catalogue(tmp_path, content)


@pytest.mark.parametrize("name", ["../films.txt", "/films.txt", "absent.txt", "link.txt", "."])
def test_a_catalogue_lies_among_the_assets(tmp_path: Path, name: str) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    tmp_path.joinpath("films.txt").write_bytes(b"a\n")
    assets.joinpath("link.txt").symlink_to(tmp_path / "films.txt")
    with pytest.raises(DataUnreadable):
        _with_catalogue(assets, b"a\n", name)


def test_a_catalogue_needs_assets() -> None:
    with pytest.raises(ConfigInvalid):
        _with_catalogue(None, b"a\n")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"items": "5", "catalogue": "films.txt", "catalogue_sha256": "sha256:" + "0" * 64},
        {"catalogue": "films.txt"},
        {"catalogue": "films.txt", "catalogue_sha256": "sha256:0"},
        {"items": "5", "catalogue_sha256": "sha256:" + "0" * 64},
        {"items": "5", "lowest": "5", "highest": "1"},
        {"items": "5", "mean": "9"},
        {"items": "5", "mean": "nan"},
        {"items": "5", "model": "neural", "width": "0"},
        {"items": "5", "model": "forest"},
        {"items": "5", "colour": "blue"},
    ],
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, str]) -> None:
    parameters = tuple(Parameter(name=name, value=given[name]) for name in sorted(given))
    with pytest.raises(ConfigInvalid):
        read_settings(RecommenderSettings, parameters)


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in RecommenderSettings.model_fields.values())


def test_rows_of_users_do_not_depend_on_who_else_is_there() -> None:
    rows = [user_row(f"user-{number}", 65536) for number in range(200)]
    assert len(set(rows)) >= 198
    assert rows == [user_row(f"user-{number}", 65536) for number in range(200)]
    assert {user_row(f"user-{number}", 2) for number in range(20)} == {0, 1}
