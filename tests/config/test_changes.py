"""`--set` and `--grid`: what is typed becomes keys and values, checked like those of a file."""

from decimal import Decimal
from pathlib import Path

import pytest

from securefed.config import load_study, read_change, read_choices
from securefed.config.changes import changed, differing_keys
from securefed.errors import ConfigInvalid

STUDY = Path(__file__).parents[2] / "sites/study.toml"


@pytest.mark.parametrize(
    ("text", "place", "value"),
    [
        ("privacy.clip=0.5", ("privacy", "clip"), Decimal("0.5")),
        ("rounds.count = 3", ("rounds", "count"), 3),
        ("combining.rule=adam", ("combining", "rule"), "adam"),
        ("sites.hospital-b.steps=4", ("sites", "hospital-b", "steps"), 4),
        ("recipe.average=true", ("recipe", "parameters", "average"), True),
        ("recipe.parameters.average=false", ("recipe", "parameters", "average"), False),
        ("recipe.version=1.0.1", ("recipe", "version"), "1.0.1"),
        ('title="3"', ("title",), "3"),
        ('recipe.boolean=["emergency"]', ("recipe", "parameters", "boolean"), ["emergency"]),
        ("title=a=b", ("title",), "a=b"),
        ("title=1\nname = 2", ("title",), "1\nname = 2"),
    ],
)
def test_a_change_is_toml_or_a_text(text: str, place: tuple[str, ...], value: object) -> None:
    found = read_change(text)
    assert (found.place, found.value) == (place, value)
    assert type(found.value) is type(value)


@pytest.mark.parametrize("text", ["", "privacy.clip", "=1", ".clip=1", "privacy..clip=1", "a b=1"])
def test_what_is_no_change_is_named(text: str) -> None:
    with pytest.raises(ConfigInvalid, match="KEY=VALUE") as refused:
        read_change(text)
    assert refused.value.where == "--set"


def test_a_number_never_passes_through_a_float() -> None:
    digits = "0.1000000000000000055511151231257827021181583404541015625001"
    assert read_change(f"privacy.clip={digits}").value == Decimal(digits)


def test_choices_are_separated_by_commas() -> None:
    said = [one.said for one in read_choices("privacy.clip=0.5,1,2e-1")]
    assert said == ["0.5", "1", "0.2"]
    assert [one.said for one in read_choices("combining.rule=adam,yogi")] == ["adam", "yogi"]
    lists = read_choices('recipe.numeric=["a:1:2","b:0:1"],["a:1:2"]')
    assert [one.value for one in lists] == [["a:1:2", "b:0:1"], ["a:1:2"]]


@pytest.mark.parametrize("text", ["privacy.clip=1,1", "privacy.clip=", "combining.rule=adam,"])
def test_choices_without_a_choice_are_refused(text: str) -> None:
    with pytest.raises(ConfigInvalid):
        read_choices(text)


def test_a_changed_study_is_the_file_with_those_keys() -> None:
    before = load_study(STUDY)
    changes = [read_change("privacy.clip=0.5"), read_change("combining.proximal=0.01")]
    after = load_study(STUDY, changes)
    assert {one.training.clip for one in after.participants} == {Decimal("0.5")}
    assert after.combining.proximal == Decimal("0.01")
    assert (after.recipe, after.rounds) == (before.recipe, before.rounds)
    assert load_study(STUDY) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("privacy.clop=1", "did you mean 'clip'"),
        ("privacy.clip=abc", "expected a decimal number, got the text 'abc'"),
        ("privacy.clip=nan", "privacy.clip"),
        ("privacy=1", "privacy: expected a table"),
        ("rounds.count=1.5", "expected a whole number"),
        ("rounds.count=0", "rounds.count"),
        ("privacy.clip.x=1", "clip is not a table"),
    ],
)
def test_a_change_that_does_not_fit_is_refused_like_a_file(text: str, said: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        load_study(STUDY, [read_change(text)])
    assert said in refused.value.what


def test_a_key_is_set_once() -> None:
    twice = [read_change("recipe.average=true"), read_change("recipe.parameters.average=false")]
    with pytest.raises(ConfigInvalid, match="set twice"):
        load_study(STUDY, twice)


def test_the_values_that_were_read_stay_as_they_are() -> None:
    values: dict[str, object] = {"privacy": {"clip": 1}}
    assert changed(values, [read_change("privacy.clip=2")]) == {"privacy": {"clip": 2}}
    assert values == {"privacy": {"clip": 1}}


def test_documents_differ_in_keys_but_not_by_their_names() -> None:
    first = {"name": "a", "title": "A", "privacy": {"clip": 1}, "rounds": {"count": 2}}
    second = {"name": "b", "title": "B", "privacy": {"clip": 2, "steps": 4}, "rounds": {"count": 2}}
    keys, rows = differing_keys([first, second])
    assert keys == ("privacy.clip", "privacy.steps")
    assert rows == [("1", ""), ("2", "4")]
