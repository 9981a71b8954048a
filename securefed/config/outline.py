"""The outline of a kind of document: which keys it has, and what each means.

Read from the JSON Schema that pydantic makes of a model, so that messages, schemas and validation
cannot disagree. TOML has no null: an optional key may be absent, and the schema says just that.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import BaseModel

Schema = dict[str, object]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Outline:
    """What can stand where in a document of one model."""

    def __init__(self, model: type[BaseModel]) -> None:
        written = cast(Schema, _without_null(model.model_json_schema()))
        self.schema: Schema = {"$schema": _DIALECT, **written}

    def keys(self, place: Sequence[int | str]) -> tuple[str, ...]:
        """The keys that a table may have."""
        return tuple(_table(self._at(place), "properties"))

    def meaning(self, place: Sequence[int | str]) -> str:
        """A key's description, as the end of "expected …"."""
        node = _table(_table(self._at(place[:-1]), "properties"), str(place[-1]))
        described = node.get("description") or self._resolved(node).get("description")
        return f"this key ({str(described).rstrip('.')})"

    def _at(self, place: Sequence[int | str]) -> Schema:
        node = self.schema
        for part in place:
            named = _table(node, "properties").get(str(part))
            any_name = next(iter(_table(node, "patternProperties").values()), {})
            node = self._resolved(cast(Schema, named or node.get("items") or any_name))
        return node

    def _resolved(self, node: Schema) -> Schema:
        while "$ref" in node:
            name = str(node["$ref"]).rpartition("/")[2]
            node = _table(_table(self.schema, "$defs"), name)
        return node


def _table(node: Mapping[str, object], key: str) -> Schema:
    return cast(Schema, node.get(key, {}))


def _without_null(node: object) -> object:
    """The same schema without the nulls by which pydantic says that a key may be absent."""
    if isinstance(node, list):
        return [_without_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "default" in node and node["default"] is None:
        node = {key: value for key, value in node.items() if key != "default"}
    choices = [one for one in node.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1:
        node = {**choices[0], **{key: value for key, value in node.items() if key != "anyOf"}}
    return {key: _without_null(value) for key, value in node.items()}
