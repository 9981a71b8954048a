"""Personal layers: parts that a study names stay at the site, whichever recipe it is."""

import pytest

from securefed.errors import ConfigInvalid
from securefed.recipes.recipe import Recipe
from tests.recipes.stated import recipe

NETWORK = {"numeric": "age:50:10", "target": "ill", "model": "mlp", "hidden": "4, 3"}
TASKS = {"numeric": "age:50:10", "targets": "ill:false|true, stay:0..30:0.5", "hidden": "8"}


def network(personal: str) -> Recipe:
    return recipe("tabular", **NETWORK, personal=personal)


@pytest.mark.parametrize(
    ("personal", "kept"),
    [
        ("4", {"4.weight", "4.bias"}),
        ("4.bias", {"4.bias"}),
        ("bias", {"0.bias", "2.bias", "4.bias"}),
        ("2, 4.bias", {"2.weight", "2.bias", "4.bias"}),
    ],
)
def test_a_part_is_named_by_whole_words_of_its_name(personal: str, kept: set[str]) -> None:
    assert network(personal).kept == kept


def test_one_task_of_several_stays() -> None:
    found = recipe("multi-task", **TASKS, personal="heads.1")
    assert found.kept == {"heads.1.weight", "heads.1.bias"}
    assert recipe("multi-task", **TASKS, personal="heads").kept > found.kept


def test_what_a_recipe_keeps_anyway_stays_as_well() -> None:
    small = {"items": "5", "user_rows": "7", "model": "neural", "width": "2"}
    found = recipe("recommender", **small, personal="last")
    assert found.kept == {"user.weight", "match.last.weight", "match.last.bias"}


def test_a_classifier_leaves_its_head_at_each_site() -> None:
    found = recipe("images", size="8", width="4", depth="1", personal="head")
    assert found.kept == {"head.weight", "head.bias"}


@pytest.mark.parametrize("personal", ["5", "ias", "0.weights", "0.", "0,,2"])
def test_a_part_that_the_model_has_not_is_refused_with_those_that_it_has(personal: str) -> None:
    with pytest.raises(ConfigInvalid, match="no trained part") as caught:
        network(personal)
    assert "4.bias" in caught.value.remedy


def test_something_is_sent() -> None:
    with pytest.raises(ConfigInvalid, match="stay at the sites"):
        network("weight, bias")


def test_without_the_setting_nothing_is_kept() -> None:
    assert recipe("tabular", **NETWORK).kept == frozenset()
