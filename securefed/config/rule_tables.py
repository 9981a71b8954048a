"""A policy file's tables, one for each rule class, made from the rules themselves.

A rule's fields are its keys and its annotations say what they hold, so a new rule needs no line
here. An annotation that nothing here can read is a defect and fails when the package is imported.
"""

import dataclasses
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from types import GenericAlias
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    Field,
    GetPydanticSchema,
    PlainValidator,
    WithJsonSchema,
    create_model,
)

from securefed.config.fields import (
    Table,
    choice_schema,
    exact,
    none_twice,
    one_of,
    text_of,
    text_schema,
    truth,
    whole,
)
from securefed.config.problems import Unfit, found
from securefed.domain.rules import AnyRule
from securefed.errors import SecurefedError

RULES: dict[str, type[AnyRule]] = {rule.kind: rule for rule in get_args(AnyRule)}

_WORDS: dict[object, tuple[Callable[[object], object], str, str]] = {
    bool: (truth, "boolean", "true or false"),
    int: (whole, "integer", "a whole number"),
    Decimal: (exact, "number", "a decimal number"),
}


def rule_tables() -> type[Table]:
    """The model of `[rules]`: a table for each kind, all of them optional."""
    fields: dict[str, Any] = {
        kind.replace("-", "_"): (_rule_type(rule), Field(None, alias=kind, description=_says(rule)))
        for kind, rule in RULES.items()
    }
    return create_model("Rules", __base__=Table, __doc__="The rules, in their order.", **fields)


def _rule_type(rule: type[AnyRule]) -> Any:
    hints = get_type_hints(rule)
    fields: dict[str, Any] = {
        field.name: (
            field_type(hints[field.name]),
            Field(
                _default(field),
                description=f"{_words(field.name, hints[field.name])}. {_says(rule)}",
            ),
        )
        for field in dataclasses.fields(rule)
    }
    table = create_model(rule.__name__, __base__=Table, __doc__=_says(rule), **fields)
    return Annotated[
        Any,
        GetPydanticSchema(lambda _, handler: handler(table)),
        AfterValidator(lambda values: _made(rule, values)),
    ]


def _default(field: dataclasses.Field[Any]) -> Any:
    """A rule's own default, or pydantic's word for a key that must be there."""
    return ... if field.default is dataclasses.MISSING else field.default


def field_type(hint: Any) -> Any:
    """How a rule's field is read from TOML."""
    if hint in _WORDS:
        read, schema, _ = _WORDS[hint]
        return Annotated[Any, PlainValidator(read), WithJsonSchema({"type": schema})]
    if get_origin(hint) is tuple:
        members = GenericAlias(list, field_type(get_args(hint)[0]))
        return Annotated[cast(Any, members), AfterValidator(none_twice), AfterValidator(tuple)]
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return Annotated[Any, PlainValidator(one_of(hint)), choice_schema(hint)]
    if isinstance(hint, type) and issubclass(hint, str):
        return Annotated[Any, PlainValidator(text_of(hint)), text_schema(hint)]
    raise TypeError(f"A policy file has no way to write {hint}")


def _made(rule: type[AnyRule], table: Table) -> AnyRule:
    values = {name: getattr(table, name) for name in type(table).model_fields}
    try:
        return cast(Callable[..., AnyRule], rule)(**values)
    except SecurefedError as error:
        subject = error.what.partition(" ")[0]
        key = subject if subject in values else ""
        range_ = error.what.partition("; it must be ")[2]
        expected = f"a value {range_}" if key and range_ else f"other values ({error.what})"
        raise Unfit(expected, key=key, got=found(values[key]) if key else "") from error


def _says(rule: type[AnyRule]) -> str:
    return " ".join((rule.__doc__ or "").split())


def _words(name: str, hint: object) -> str:
    kind = _WORDS[hint][2] if hint in _WORDS else "a list" if get_origin(hint) is tuple else "text"
    return f"{name.replace('_', ' ')}: {kind}".capitalize()
