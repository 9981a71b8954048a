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
from functools import cache, lru_cache
from typing import Any, ClassVar, Protocol, TypeVar, Union, cast, get_args, get_origin
from typing import get_type_hints as hints_of

from securefed.domain.canonical import (
    Plain,
    decimal_from,
    decimal_text,
    digest_of,
    from_canonical,
    integer,
    written,
)
from securefed.domain.identifiers import Digest, Signature
from securefed.errors import RecordInvalid, SecurefedError


class Record(Protocol):
    """Any dataclass of the domain."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


R = TypeVar("R", bound=Record)


def instant_text(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    if moment.tzinfo is None or moment.microsecond:
        raise RecordInvalid(f"{moment.isoformat()} is not a moment in UTC, to the second")
    return moment.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def to_plain(value: object) -> Plain:
    """The plain form of a record, or of anything that a record holds."""
    return _WRITERS[type(value)](value)


def from_plain(wanted: type[R], plain: Plain) -> R:
    """The record of a class from its plain form."""
    try:
        return cast(R, _reader(wanted)(plain))
    except RecordInvalid as error:
        error.where = wanted.__name__ + error.where
        raise


def to_bytes(record: Record) -> bytes:
    """A record's canonical bytes."""
    # Its writers have refused what has no canonical form, and no record holds itself.
    return written(to_plain(record))


def from_bytes(wanted: type[R], data: bytes) -> R:
    """The record of a class from its canonical bytes."""
    return from_plain(wanted, from_canonical(data))


def record_digest(kind: str, record: Record) -> Digest:
    """The digest of a record's canonical bytes, as a kind of document."""
    return digest_of(kind, to_bytes(record))


# --- writing and reading: one small function a type, made once and kept -------------------------

_Write = Callable[[Any], Plain]
# What a reader refuses says where, below the value that it was given; who called it adds the rest.
_Read = Callable[[Plain], object]


class _Writers(dict[type[Any], _Write]):
    """The writer of each class of value that was ever written."""

    def __missing__(self, kind: type[Any]) -> _Write:
        self[kind] = _writer(kind)
        return self[kind]


_WRITERS = _Writers()


def _writer(kind: type[Any]) -> _Write:
    if issubclass(kind, Enum):
        return lambda value: cast(Plain, value.value)
    if issubclass(kind, bool | types.NoneType):
        return lambda value: cast(Plain, value)
    if issubclass(kind, int):
        return integer
    if issubclass(kind, str):
        return str
    if issubclass(kind, Decimal):
        return decimal_text
    if issubclass(kind, datetime):
        return instant_text
    if issubclass(kind, tuple):
        return lambda items: [_WRITERS[type(item)](item) for item in items]
    if dataclasses.is_dataclass(kind):
        return _record_writer(kind)
    raise RecordInvalid(f"A {kind.__name__} cannot be stored")


def _record_writer(written: type[Record]) -> _Write:
    names = [field.name for field in dataclasses.fields(written)]
    kind = getattr(written, "kind", None)

    def write(record: Record) -> Plain:
        plain: dict[str, Plain] = {} if kind is None else {"kind": kind}
        for name in names:
            value = getattr(record, name)
            plain[name] = _WRITERS[type(value)](value)
        return plain

    return write


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
        return lambda plain: decimal_from(_text(plain))
    if wanted is datetime:
        return _instant
    if isinstance(wanted, type) and issubclass(wanted, str):
        return _text_reader(wanted)
    raise TypeError(f"records cannot hold a {wanted}")


def _record_reader(wanted: type[Record]) -> _Read:
    hints = hints_of(wanted)
    names = [field.name for field in dataclasses.fields(wanted)]
    kind = getattr(wanted, "kind", None)
    expected = set(names) | (set() if kind is None else {"kind"})
    readers: tuple[tuple[str, _Read], ...] = ()

    def read(plain: Plain) -> object:
        nonlocal readers
        if not readers:
            # All at once: other threads may read their first record of this class meanwhile.
            readers = tuple((name, _reader(hints[name])) for name in names)
        found = _mapping(plain)
        if found.keys() != expected:
            raise RecordInvalid(_difference(expected, set(found)))
        if kind is not None and found["kind"] != kind:
            raise RecordInvalid(f"Expected kind {kind!r}, found {found['kind']!r}")
        values = {}
        for name, reader in readers:
            try:
                values[name] = reader(found[name])
            except RecordInvalid as error:
                error.where = f".{name}{error.where}"
                raise
        try:
            return wanted(**values)
        except (SecurefedError, ValueError) as error:
            raise RecordInvalid(str(error)) from error

    return read


def _text_reader(wanted: type[str]) -> _Read:
    # Names come again and again; digests and signatures do not.
    once = issubclass(wanted, Digest | Signature)
    make = cast(Callable[[str], object], wanted if once else lru_cache(maxsize=1024)(wanted))

    def read(plain: Plain) -> object:
        text = _text(plain)
        try:
            return make(text)
        except SecurefedError as error:
            raise RecordInvalid(str(error)) from error
        except ValueError as error:
            raise RecordInvalid(f"{text!r} is not a {wanted.__name__}") from error

    return read


def _union_reader(members: tuple[Any, ...]) -> _Read:
    if type(None) in members:
        [other] = [member for member in members if member is not type(None)]
        inner = _reader(other)
        return lambda plain: None if plain is None else inner(plain)
    by_kind = {member.kind: _reader(member) for member in members}

    def read(plain: Plain) -> object:
        kind = _mapping(plain).get("kind")
        if not isinstance(kind, str) or kind not in by_kind:
            raise RecordInvalid(f"Unknown kind {kind!r}")
        return by_kind[kind](plain)

    return read


def _tuple_reader(member: Any) -> _Read:
    inner = _reader(member)

    def read(plain: Plain) -> object:
        if not isinstance(plain, list):
            raise RecordInvalid("Expected a list")
        items = []
        for place, item in enumerate(plain):
            try:
                items.append(inner(item))
            except RecordInvalid as error:
                error.where = f"[{place}]{error.where}"
                raise
        return tuple(items)

    return read


def _exactly(wanted: type) -> _Read:
    def read(plain: Plain) -> object:
        if type(plain) is not wanted:
            raise RecordInvalid(f"Expected {wanted.__name__}, found {plain!r}")
        return plain

    return read


def _instant(plain: Plain) -> datetime:
    text = _text(plain)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise RecordInvalid(f"{text[:40]!r} is not a moment in UTC") from error
    # Many spellings are read; only the one that `instant_text` writes counts.
    if moment.isoformat() != f"{text[:-1]}+00:00" or text[-1] != "Z":
        raise RecordInvalid(f"{text[:40]!r} is not a moment in UTC")
    return moment


def _text(plain: Plain) -> str:
    if not isinstance(plain, str):
        raise RecordInvalid(f"Expected text, found {plain!r}")
    return plain


def _mapping(plain: Plain) -> Mapping[str, Plain]:
    if not isinstance(plain, dict):
        raise RecordInvalid("Expected an object")
    return plain


def _difference(expected: set[str], found: set[str]) -> str:
    parts = []
    if missing := sorted(expected - found):
        parts.append(f"missing {', '.join(missing)}")
    if unknown := sorted(found - expected):
        parts.append(f"unknown {', '.join(unknown)}")
    return "; ".join(parts)
