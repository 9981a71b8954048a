"""`--set KEY=VALUE`: keys of a study's file that are set anew for one call, before it is checked.

Promises that a changed study is checked like a written one, so an unknown key or a value of the
wrong kind is the same error, and that no number passes through a float. `recipe.KEY` is short for
`recipe.parameters.KEY`. The file itself is never touched.

    load_study(Path("study.toml"), (read_change("privacy.clip=0.5"),))
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeAlias, cast

from securefed.config.study_tables import RecipeTable
from securefed.config.toml_file import value_in, values_in
from securefed.errors import ConfigInvalid

Row: TypeAlias = tuple[str, ...]

_WORD = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
_SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class Change:
    """A key's place in the file, table by table, and what it is set to."""

    place: tuple[str, ...]
    value: object

    @property
    def key(self) -> str:
        """The key as it is typed."""
        return ".".join(self.place)

    @property
    def said(self) -> str:
        """The value as it is shown."""
        return _said(self.value)

    def __str__(self) -> str:
        return f"{self.key} = {self.said}"


def read_change(text: str, option: str = "--set") -> Change:
    """One key with its value, which is TOML or else a text."""
    place, value = _parts(text, option)
    return Change(place=place, value=value_in(value))


def read_choices(text: str, option: str = "--grid") -> tuple[Change, ...]:
    """One key with several values, separated by commas; each of them is another change."""
    place, values = _parts(text, option)
    found = [Change(place=place, value=one) for one in values_in(values)]
    said = [one.said for one in found]
    if not found or "" in said:
        raise ConfigInvalid("The key has a value that is empty", where=f"{option} {text[:_SHOWN]}")
    if len(set(said)) != len(said):
        raise ConfigInvalid("A value stands there twice", where=f"{option} {text[:_SHOWN]}")
    return tuple(found)


def changed(values: Mapping[str, object], changes: Sequence[Change]) -> dict[str, object]:
    """A file's keys and values with the changes in their places."""
    keys = [one.key for one in changes]
    twice = [key for key in keys if keys.count(key) > 1]
    if twice:
        raise ConfigInvalid(f"{twice[0]} is set twice", where="--set")
    whole = deepcopy(dict(values))
    for one in changes:
        _set(whole, one)
    return whole


def differing_keys(documents: Sequence[Mapping[str, object]]) -> tuple[tuple[str, ...], list[Row]]:
    """The keys in which files differ, names and titles apart, and the values of each file there."""
    flat = [dict(_flat(one, "")) for one in documents]
    every = sorted({key for one in flat for key in one} - {"name", "title"})
    keys = tuple(key for key in every if len({one.get(key, "") for one in flat}) > 1)
    return keys, [tuple(one.get(key, "") for key in keys) for one in flat]


def _flat(table: Mapping[str, object], before: str) -> Iterator[tuple[str, str]]:
    for word, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{word}.")
        else:
            yield f"{before}{word}", _said(value)


def _set(table: dict[str, object], change: Change) -> None:
    for word in change.place[:-1]:
        inner = table.setdefault(word, {})
        if not isinstance(inner, dict):
            what = f"{change.key} cannot be set: {word} is not a table"
            raise ConfigInvalid(what, where="--set")
        table = cast(dict[str, object], inner)
    table[change.place[-1]] = change.value


def _parts(text: str, option: str) -> tuple[tuple[str, ...], str]:
    key, equals, value = text.partition("=")
    place = tuple(key.strip().split("."))
    if not equals or not all(_WORD.fullmatch(word) for word in place):
        what = f"{text[:_SHOWN]!a} is not KEY=VALUE, with a key like privacy.clip"
        raise ConfigInvalid(what, where=option)
    if len(place) == 2 and place[0] == "recipe" and place[1] not in RecipeTable.model_fields:
        place = ("recipe", "parameters", place[1])
    return place, value.strip()


def _said(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return f"[{', '.join(map(_said, value))}]"
    return str(value)
