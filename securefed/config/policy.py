"""Policy files: one table a rule, `[rules.<kind>]`, in the order in which findings are shown.

A file without rules is a policy that refuses everything, as in the domain. Two rules of one kind
cannot be written: TOML refuses a table that stands twice.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field, GetPydanticSchema, ValidatorFunctionWrapHandler, WrapValidator

from securefed.config.document import read_document
from securefed.config.fields import NameText, Table
from securefed.config.problems import said_of
from securefed.config.rule_tables import rule_tables
from securefed.domain.policy import Policy
from securefed.domain.rules import AnyRule

_RULES = rule_tables()


def _in_file_order(written: object, handler: ValidatorFunctionWrapHandler) -> tuple[AnyRule, ...]:
    tables: Table = handler(written)
    order = list(written) if isinstance(written, dict) else []
    return tuple(getattr(tables, kind.replace("-", "_")) for kind in order)


class PolicyDocument(Table):
    """What a site allows."""

    name: NameText = Field(description="The policy's name, as plans show it.")
    rules: Annotated[
        tuple[AnyRule, ...],
        GetPydanticSchema(lambda _, handler: handler(_RULES)),
        WrapValidator(_in_file_order),
    ] = Field(description="The rules, one table each; without any, everything is refused.")


def load_policy(path: Path) -> Policy:
    """The policy in a file."""
    document = read_document(path, PolicyDocument)
    with said_of(path, {}):
        return Policy(name=document.name, rules=document.rules)
