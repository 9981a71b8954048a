"""Tables: what is read and how, what is refused without being quoted, and that a model learns."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from securefed.domain.site import ColumnType
from securefed.errors import ConfigInvalid, DataUnreadable
from securefed.recipes.recipe import Recipe
from securefed.recipes.records import Cell, Records
from tests.recipes.stated import recipe

pytestmark = pytest.mark.slow

INPUTS = {
    "numeric": "age:50:10, dose:1:0.5",
    "categorical": "sex:female|male, ward:a|b|*",
    "boolean": "smoker",
}
RECIPES = {
    "binary": recipe("tabular", target="ill", **INPUTS),
    "binary mlp": recipe("tabular", target="ill", model="mlp", hidden="8, 4", **INPUTS),
    "multi-class": recipe("tabular", target="t", task="multi-class", classes="0,1,2", **INPUTS),
    "regression": recipe(
        "tabular", target="d", task="regression", low="0", high="30", missing_flags="true", **INPUTS
    ),
}
each = pytest.mark.parametrize("tried", RECIPES.values(), ids=RECIPES)


def table(rows: int = 1, **cells: Cell) -> Records:
    row: dict[str, Cell] = {
        "age": 60,
        "dose": 1.0,
        "sex": "male",
        "ward": "a",
        "smoker": True,
        "ill": False,
    }
    columns = {name: [cell] * rows for name, cell in (row | cells).items()}
    return Records(columns=columns, folder=Path())


def inputs(**cells: Cell) -> list[float]:
    found: list[float] = RECIPES["binary"].collate(table(**cells))["inputs"][0].tolist()
    return found


def test_each_kind_of_column_becomes_its_numbers() -> None:
    assert inputs() == [1, 0, 0, 1, 1, 0, 0, 0.5]


def test_missing_values_stand_in_the_middle() -> None:
    assert inputs(age=None, dose=None, sex=None, ward=None, smoker=None) == [0] * 8


def test_a_category_that_is_not_declared_is_missing_or_the_star() -> None:
    assert inputs(sex="secret", ward="secret") == [1, 0, 0, 0, 0, 0, 1, 0.5]


def test_flags_tell_which_numbers_are_missing() -> None:
    records = table(age=None, d=3)
    assert RECIPES["regression"].collate(records)["inputs"][0].tolist()[-2:] == [1, 0]


@settings(max_examples=30, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**18), 10**18))
def test_absurd_numbers_stay_within_the_limit(number: float) -> None:
    assert abs(inputs(age=number)[0]) <= 5


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("ill", "secret"),
        ("ill", None),
        ("ill", 0.25),
        ("age", math.inf),
        ("age", math.nan),
        ("age", "secret"),
        ("smoker", 2),
        ("smoker", "secret"),
        ("sex", 4.25),
    ],
)
def test_a_value_without_a_place_is_named_by_its_place_alone(column: str, cell: Cell) -> None:
    records = table(rows=3)
    columns = dict(records.columns) | {column: [records.columns[column][0]] * 2 + [cell]}
    with pytest.raises(DataUnreadable) as caught:
        RECIPES["binary"].collate(Records(columns=columns, folder=Path()))
    assert "Record 3" in str(caught.value)
    assert repr(column) in str(caught.value)
    assert not any(secret in str(caught.value) for secret in ("secret", "inf", "nan", ".25"))


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(DataUnreadable, match="'age'"):
        RECIPES["binary"].collate(Records(columns={"ill": [True]}, folder=Path()))


def test_numbers_beyond_the_target_range_count_as_its_ends() -> None:
    wanted = RECIPES["regression"].collate(table(d=99))["wanted"]
    assert wanted.tolist() == [30]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"numeric": "age:50"}, "numeric"),
        ({"numeric": "age:50:0"}, "numeric"),
        ({"numeric": "age:nan:1"}, "numeric"),
        ({"numeric": "age:fifty:1"}, "numeric"),
        ({"numeric": ":1:1"}, "numeric"),
        ({"categorical": "sex:a||b"}, "categorical"),
        ({"categorical": "sex:a|a"}, "categorical"),
        ({"boolean": "a:b"}, "boolean"),
        ({"boolean": "age, age"}, "twice"),
        ({"boolean": "ill"}, "twice"),
        ({"missing_flags": "true"}, "no column"),
        ({"boolean": "a", "classes": "a"}, "classes"),
        ({"boolean": "a", "classes": "a,b,c"}, "3 classes"),
        ({"boolean": "a", "task": "multi-class"}, "2 classes"),
        ({"boolean": "a", "task": "regression", "low": "3", "high": "3"}, "low end"),
        ({"boolean": "a", "task": "ranking"}, "task"),
        ({"boolean": "a", "model": "mlp", "hidden": ","}, "hidden"),
        ({"boolean": "a", "hidden": "0"}, "hidden"),
        ({"boolean": "a", "learningrate": "1"}, "learningrate"),
    ],
)
def test_a_study_that_describes_its_columns_badly_is_refused(
    given: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigInvalid, match=named):
        recipe("tabular", target="ill", **given)


def test_a_dataset_can_be_checked_before_it_is_opened() -> None:
    needs = {need.name: need.types for need in RECIPES["binary"].needs()}
    assert list(needs) == ["age", "dose", "sex", "ward", "smoker", "ill"]
    assert needs["age"] == {ColumnType.INTEGER, ColumnType.DECIMAL}
    assert ColumnType.TEXT not in needs["ill"] | needs["sex"]


def test_the_family_says_what_the_model_is() -> None:
    families = [str(tried.family) for tried in RECIPES.values()]
    assert families == ["logistic", "mlp", "logistic", "linear"]


@each
def test_first_weights_are_the_same_every_time(tried: Recipe) -> None:
    torch.manual_seed(1)
    first = tried.model().state_dict()
    torch.manual_seed(2)
    for name, weight in tried.model().state_dict().items():
        assert torch.equal(weight, first[name])


@each
def test_a_model_learns_from_made_up_records(tried: Recipe, tmp_path: Path) -> None:
    before, after = _figures(tried, tmp_path)
    if "accuracy" in before:
        assert after["accuracy"] > max(0.8, before["accuracy"] + 0.1)
    else:
        assert after["rmse"] < before["rmse"] * 0.6
        assert after["mae"] < before["mae"] * 0.6


def _figures(tried: Recipe, folder: Path) -> Sequence[dict[str, float]]:
    """On other records than those of training: plain full-batch steps."""
    learned = tried.collate(tried.mock(400, 1, folder))
    model = tried.model()
    before = _tested(tried, model, folder)
    weights = list(model.parameters())
    for _ in range(100):
        slopes = torch.autograd.grad(tried.losses(model, learned).mean(), weights)
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                weight.sub_(slope / 2)
    return before, _tested(tried, model, folder)


def _tested(tried: Recipe, model: nn.Module, folder: Path) -> dict[str, float]:
    batch = tried.collate(tried.mock(300, 2, folder))
    return dict(tried.metrics(tried.tallies(model, batch).sum(0)))


@each
def test_made_up_records_are_what_the_recipe_reads(tried: Recipe, tmp_path: Path) -> None:
    made_up = tried.mock(7, 3, tmp_path)
    assert set(made_up.columns) == {need.name for need in tried.needs()}
    assert len(made_up) == 7
    assert tried.mock(7, 3, tmp_path) == replace(made_up)
    assert tried.mock(7, 4, tmp_path) != made_up


@each
def test_tallies_stay_bounded_when_the_model_is_broken(tried: Recipe, tmp_path: Path) -> None:
    batch = tried.collate(tried.mock(5, 1, tmp_path))
    for broken in (math.nan, math.inf, -math.inf, 1e38):
        model = tried.model()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(broken)
        rows = tried.tallies(model, batch)
        assert rows.isfinite().all()
        assert np.all(rows.norm(dim=1).numpy() <= 1 + 1e-6)
