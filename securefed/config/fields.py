"""The kinds of value that a configuration file can hold, each checked by the domain's own checks.

Nothing is converted silently: text is never a number, a whole number is never a boolean. The one
exception is meant: a whole number may stand where a decimal is expected, because `3` is exact.
"""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    PlainValidator,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue

from securefed.config.problems import Unfit
from securefed.domain import numbers
from securefed.domain.canonical import LARGEST_INTEGER
from securefed.domain.identifiers import (
    DatasetId,
    Line,
    Name,
    PublicKey,
    SiteId,
    StudyId,
    Version,
)
from securefed.domain.privacy import Adjacency, Sampling
from securefed.domain.site import ColumnType
from securefed.domain.study import Suite
from securefed.errors import IdentifierInvalid, NumberInvalid, TextInvalid

T = TypeVar("T")
Text = TypeVar("Text", bound=str)
Choice = TypeVar("Choice", bound=StrEnum)


class Table(BaseModel):
    """A TOML table with known keys only."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        protected_namespaces=(),
        arbitrary_types_allowed=True,
    )


class FreshSchema(WithJsonSchema):
    """A schema that each field has for itself: pydantic writes a field's default into it."""

    def __get_pydantic_json_schema__(self, core_schema: object, handler: object) -> JsonSchemaValue:
        """A copy."""
        return dict(self.json_schema or {})


def whole(value: object) -> int:
    """A whole number of ordinary size, and not a boolean."""
    if type(value) is not int or abs(value) > LARGEST_INTEGER:
        raise Unfit("a whole number")
    return value


def exact(value: object) -> Decimal:
    """A finite decimal."""
    if type(value) is int:
        return Decimal(whole(value))
    if not isinstance(value, Decimal):
        raise Unfit("a decimal number")
    if not value.is_finite():
        raise Unfit("a finite decimal number")
    return value


def truth(value: object) -> bool:
    """A boolean."""
    if not isinstance(value, bool):
        raise Unfit("true or false")
    return value


def text_of(wanted: type[Text]) -> Callable[[object], Text]:
    """Text that the domain accepts as a name, version or line."""

    def read(value: object) -> Text:
        if not isinstance(value, str):
            raise Unfit("text")
        try:
            return wanted(value)
        except IdentifierInvalid as error:
            raise Unfit(f"a {wanted.__name__} like {getattr(wanted, 'example', '')!r}") from error
        except TextInvalid as error:
            raise Unfit(f"one line of visible characters ({error.what})") from error

    return read


def one_of(wanted: type[Choice]) -> Callable[[object], Choice]:
    """One word of a list."""
    words = {member.value: member for member in wanted}

    def read(value: object) -> Choice:
        if not isinstance(value, str) or value not in words:
            raise Unfit(f"one of {', '.join(words)}")
        return words[value]

    return read


def none_twice(values: list[T]) -> list[T]:
    """A list in which nothing stands twice."""
    if len(set(values)) != len(values):
        raise Unfit("each word once")
    return values


def text_schema(wanted: type[str]) -> FreshSchema:
    """How a name, version or line looks to an editor."""
    pattern = getattr(wanted, "pattern", None)
    if pattern is None:
        return FreshSchema({"type": "string", "minLength": 1, "maxLength": Line.longest})
    return FreshSchema({"type": "string", "pattern": f"^({pattern.pattern})$"})


def choice_schema(wanted: type[StrEnum]) -> FreshSchema:
    """How a choice of words looks to an editor."""
    return FreshSchema({"type": "string", "enum": [member.value for member in wanted]})


def _checked(
    read: Callable[[object], T], check: Callable[[str, T], T], kind: str
) -> Callable[[object], T]:
    def reading(value: object) -> T:
        try:
            return check("it", read(value))
        except NumberInvalid as error:
            reason = error.what.partition("; ")[2] or error.what
            raise Unfit(f"{kind} ({reason})") from error

    return reading


_positive = _checked(exact, numbers.positive, "a decimal number")
_proportion = _checked(exact, numbers.proportion, "a decimal number")
_count = _checked(whole, numbers.count, "a whole number")
_count_or_none = _checked(whole, partial(numbers.count, least=0), "a whole number")
_ABOVE_ZERO = FreshSchema({"type": "number", "exclusiveMinimum": 0})
_SHARE = FreshSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1})

LineText = Annotated[Line, PlainValidator(text_of(Line)), text_schema(Line)]
NameText = Annotated[Name, PlainValidator(text_of(Name)), text_schema(Name)]
KeyText = Annotated[PublicKey, PlainValidator(text_of(PublicKey)), text_schema(PublicKey)]
SiteText = Annotated[SiteId, PlainValidator(text_of(SiteId)), text_schema(SiteId)]
DatasetText = Annotated[DatasetId, PlainValidator(text_of(DatasetId)), text_schema(DatasetId)]
StudyText = Annotated[StudyId, PlainValidator(text_of(StudyId)), text_schema(StudyId)]
VersionText = Annotated[Version, PlainValidator(text_of(Version)), text_schema(Version)]
NameList = Annotated[list[NameText], AfterValidator(none_twice)]
SuiteWord = Annotated[Suite, PlainValidator(one_of(Suite)), choice_schema(Suite)]
SamplingWord = Annotated[Sampling, PlainValidator(one_of(Sampling)), choice_schema(Sampling)]
AdjacencyWord = Annotated[Adjacency, PlainValidator(one_of(Adjacency)), choice_schema(Adjacency)]
TypeWord = Annotated[ColumnType, PlainValidator(one_of(ColumnType)), choice_schema(ColumnType)]
Exact = Annotated[Decimal, PlainValidator(exact), FreshSchema({"type": "number"})]
Positive = Annotated[Decimal, PlainValidator(_positive), _ABOVE_ZERO]
Proportion = Annotated[Decimal, PlainValidator(_proportion), _SHARE]
Count = Annotated[int, PlainValidator(_count), FreshSchema({"type": "integer", "minimum": 1})]
CountOrNone = Annotated[
    int, PlainValidator(_count_or_none), FreshSchema({"type": "integer", "minimum": 0})
]
