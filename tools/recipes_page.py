"""The page of all recipes, written from their settings so that it can't lag behind."""

import inspect
from importlib import import_module
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from securefed.recipes.registry import recipe_names, settings_of, version_of
from securefed.recipes.settings import Settings

_HEAD = """\
# Recipes

<!-- `make golden` writes this page from securefed/recipes. -->

A recipe is what a study trains. It is named in `[recipe]` and set in `[recipe.parameters]`; noise,
clip, sampling and steps stand in `[privacy]` and are no recipe's business. Several words in one
parameter have commas between them. What every recipe has comes first.
"""


def recipes_page() -> str:
    """The page, recipe by recipe."""
    sections = [_section(name) for name in recipe_names()]
    return "\n".join([_HEAD, "## Every recipe", "", _table(Settings, None), *sections])


def _section(name: str) -> str:
    kind = settings_of(name)
    explanation = inspect.cleandoc(import_module(kind.__module__.rsplit(".", 1)[0]).__doc__ or "")
    return "\n".join(
        ["", f"## {name} {version_of(name)}", "", explanation, "", _table(kind, Settings)]
    )


def _table(kind: type[Settings], without: type[Settings] | None) -> str:
    rows = ["| parameter | default | meaning |", "| --- | --- | --- |"]
    for name, field in kind.model_fields.items():
        shared = None if without is None else without.model_fields.get(name)
        if shared is None or field.default != shared.default:
            rows.append(f"| `{name}` | {_default(field)} | {_meaning(field)} |")
    return "\n".join(rows) + "\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.default
    if isinstance(value, tuple):
        return f"`{', '.join(str(one) for one in value)}`" if value else "none"
    if value is None or value == "":
        return "none"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def _meaning(field: FieldInfo) -> str:
    words = _choices(field.annotation)
    text = (field.description or "").replace("|", "\\|")
    return f"{text} One of {', '.join(words)}." if words else text


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [f"`{word}`" for word in get_args(annotation)]
    if isinstance(annotation, UnionType):
        return [word for part in get_args(annotation) for word in _choices(part)]
    return []
