"""The schemas name every key, describe it, and know no null."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from securefed.config import schemas
from securefed.config.rule_tables import RULES

NAMES = ["site.schema.json", "dataset.schema.json", "study.schema.json", "policy.schema.json"]


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for below in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from nodes(below)


def test_there_is_one_schema_for_each_kind_of_file() -> None:
    assert list(schemas()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_describes_every_key_and_allows_no_other(name: str) -> None:
    schema: Any = schemas()[name]
    tables = [node for node in nodes(schema) if isinstance(node.get("properties"), dict)]
    assert tables
    for table in tables:
        assert table["additionalProperties"] is False
        for key, value in table["properties"].items():
            definition = (
                schema["$defs"][value["$ref"].rpartition("/")[2]] if "$ref" in value else {}
            )
            assert value.get("description") or definition.get("description"), key


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_json_that_knows_no_null(name: str) -> None:
    text = json.dumps(schemas()[name], sort_keys=True)
    assert json.loads(text) == schemas()[name]
    assert "null" not in text


def test_the_policy_schema_has_a_table_for_every_rule() -> None:
    schema: Any = schemas()["policy.schema.json"]
    reference = schema["properties"]["rules"]["$ref"].rpartition("/")[2]
    assert set(schema["$defs"][reference]["properties"]) == set(RULES)
