"""Frozen dataclasses to plain values and back, strictly.

The domain's classes say what they hold; this file reads their annotations, so that no class writes
its own encoder. A field too many, too few or of the wrong kind is refused with its path. A class
that has siblings (one mechanism among several) carries a `kind`, and the kind picks the class.
What does not survive the round trip unchanged cannot be stored.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar, Union, cast, get_args, get_origin
from typing import get_type_hints as hints_of

from securefed.domain.canonical import (
    Plain,
    decimal_from,
    decimal_text,
    digest_of,
    from_canonical,
    to_canonical,
)
from securefed.domain.identifiers import Digest
from securefed.errors import RecordInvalid, SecurefedError

_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


class Record(Protocol):
    """Any dataclass of the domain."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


R = TypeVar("R", bound=Record)


def instant_text(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    if moment.tzinfo is None or moment.microsecond:
        raise RecordInvalid(f"{moment.isoformat()} is not a moment in UTC, to the second")
    return moment.astimezone(UTC).strftime(_INSTANT)


def to_plain(value: object) -> Plain:
    """The plain form of a record, or of anything that a record holds."""
    match value:
        case Enum():
            return cast(Plain, value.value)
        case None | bool() | int():
            return value
        case str():
            return str(value)
        case Decimal():
            return decimal_text(value)
        case datetime():
            return instant_text(value)
        case tuple():
            return [to_plain(item) for item in value]
    if not dataclasses.is_dataclass(value):
        raise RecordInvalid(f"A {type(value).__name__} cannot be stored")
    plain: dict[str, Plain] = {
        field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)
    }
    kind = getattr(type(value), "kind", None)
    return plain if kind is None else {"kind": kind, **plain}


def from_plain(wanted: type[R], plain: Plain) -> R:
    """The record of a class from its plain form."""
    return cast(R, _reader(wanted)(plain, wanted.__name__))


def to_bytes(record: Record) -> bytes:
    """A record's canonical bytes."""
    return to_canonical(to_plain(record))


def from_bytes(wanted: type[R], data: bytes) -> R:
    """The record of a class from its canonical bytes."""
    return from_plain(wanted, from_canonical(data))


def record_digest(kind: str, record: Record) -> Digest:
    """The digest of a record's canonical bytes, as a kind of document."""
    return digest_of(kind, to_bytes(record))


# --- reading: one small function a type, made once and kept ------------------------------------

_Read = Callable[[Plain, str], object]


@cache
def _reader(wanted: Any) -> _Read:
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        return _union_reader(get_args(wanted))
    if origin is tuple:
        return _tuple_reader(get_args(wanted)[0])
    if dataclasses.is_dataclass(wanted):
        return _record_reader(cast(type[Record], wanted))
    if wanted is bool:
        return _exactly(bool)
    if wanted is int:
        return _exactly(int)
    if wanted is Decimal:
        return lambda plain, path: decimal_from(_text(plain, path))
    if wanted is datetime:
        return _instant
    if isinstance(wanted, type) and issubclass(wanted, str):
        return lambda plain, path: _made(wanted, _text(plain, path), path)
    raise TypeError(f"records cannot hold a {wanted}")


def _record_reader(wanted: type[Record]) -> _Read:
    hints = hints_of(wanted)
    names = [field.name for field in dataclasses.fields(wanted)]
    kind = getattr(wanted, "kind", None)
    expected = set(names) | (set() if kind is None else {"kind"})
    readers: list[tuple[str, _Read]] = []

    def read(plain: Plain, path: str) -> object:
        if not readers:
            readers.extend((name, _reader(hints[name])) for name in names)
        found = _mapping(plain, path)
        if found.keys() != expected:
            raise RecordInvalid(_difference(expected, set(found)), where=path)
        if kind is not None and found["kind"] != kind:
            raise RecordInvalid(f"Expected kind {kind!r}, found {found['kind']!r}", where=path)
        values = {name: reader(found[name], f"{path}.{name}") for name, reader in readers}
        return _made(wanted, values, path)

    return read


def _union_reader(members: tuple[Any, ...]) -> _Read:
    if type(None) in members:
        [other] = [member for member in members if member is not type(None)]
        inner = _reader(other)
        return lambda plain, path: None if plain is None else inner(plain, path)
    by_kind = {member.kind: _reader(member) for member in members}

    def read(plain: Plain, path: str) -> object:
        kind = _mapping(plain, path).get("kind")
        if not isinstance(kind, str) or kind not in by_kind:
            raise RecordInvalid(f"Unknown kind {kind!r}", where=path)
        return by_kind[kind](plain, path)

    return read


def _tuple_reader(member: Any) -> _Read:
    inner = _reader(member)

    def read(plain: Plain, path: str) -> object:
        if not isinstance(plain, list):
            raise RecordInvalid("Expected a list", where=path)
        return tuple(inner(item, f"{path}[{place}]") for place, item in enumerate(plain))

    return read


def _exactly(wanted: type) -> _Read:
    def read(plain: Plain, path: str) -> object:
        if type(plain) is not wanted:
            raise RecordInvalid(f"Expected {wanted.__name__}, found {plain!r}", where=path)
        return plain

    return read


def _instant(plain: Plain, path: str) -> datetime:
    text = _text(plain, path)
    try:
        moment = datetime.strptime(text, _INSTANT).replace(tzinfo=UTC)
    except ValueError as error:
        raise RecordInvalid(f"{text[:40]!r} is not a moment in UTC", where=path) from error
    if instant_text(moment) != text:
        raise RecordInvalid(f"{text[:40]!r} is not a moment in UTC", where=path)
    return moment


def _text(plain: Plain, path: str) -> str:
    if not isinstance(plain, str):
        raise RecordInvalid(f"Expected text, found {plain!r}", where=path)
    return plain


def _mapping(plain: Plain, path: str) -> Mapping[str, Plain]:
    if not isinstance(plain, dict):
        raise RecordInvalid("Expected an object", where=path)
    return plain


def _made(wanted: Any, value: Any, path: str) -> object:
    """The class's own checks, with the path added to what they say."""
    try:
        return wanted(**value) if isinstance(value, dict) else wanted(value)
    except SecurefedError as error:
        raise RecordInvalid(str(error), where=path) from error
    except ValueError as error:
        raise RecordInvalid(f"{value!r} is not a {wanted.__name__}", where=path) from error


def _difference(expected: set[str], found: set[str]) -> str:
    parts = []
    if missing := sorted(expected - found):
        parts.append(f"missing {', '.join(missing)}")
    if unknown := sorted(found - expected):
        parts.append(f"unknown {', '.join(unknown)}")
    return "; ".join(parts)
