"""Canonical bytes: the one form in which anything is hashed or signed.

The form is a subset of RFC 8785 (JSON Canonicalization Scheme): UTF-8, keys sorted, no spaces,
values only text, integers within ±(2^53−1), booleans, null, lists and objects. Floats do not exist;
exact decimals travel as text. Reading is strict: bytes that are not exactly what writing would
produce are refused, so one value has one form and no signature covers two readings.
"""

import hashlib
import json
import re
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from typing import NoReturn, TypeAlias

from securefed.domain.identifiers import Digest
from securefed.errors import NotCanonical, NumberInvalid

Plain: TypeAlias = "str | int | bool | None | list[Plain] | dict[str, Plain]"

LARGEST_INTEGER = 2**53 - 1
_LONGEST_INTEGER = len(f"-{LARGEST_INTEGER}")
_DEEPEST = 32
_LONGEST_DECIMAL = 40
_DIGITS = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,100})?|Infinity", re.ASCII)


def to_canonical(value: Plain) -> bytes:
    """The canonical bytes of a plain value."""
    _check(value, 0)
    return written(value)


def from_canonical(data: bytes) -> Plain:
    """The plain value of canonical bytes; refuses any other bytes."""
    try:
        value: Plain = _READER.raw_decode(data.decode("utf-8"))[0]
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, ValueError) as error:
        raise NotCanonical(f"Not JSON in UTF-8: {error}") from error
    # Reading has refused floats and large integers, so only keys and depth are left. ASCII bytes
    # hold no other key, since an escaped one is written differently; and depth takes brackets.
    if not data.isascii() or data.count(b"[") + data.count(b"{") > _DEEPEST:
        _check(value, 0)
    if written(value) != data:
        # Of a repeated key only the last value was read, and nothing after the value: both show.
        raise NotCanonical("The bytes have spaces, unsorted or repeated keys, or needless escapes")
    return value


def written(value: Plain) -> bytes:
    """The bytes of a value that is known to have a canonical form."""
    try:
        return _WRITER.encode(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotCanonical("A text has half of a surrogate pair") from error


def digest_of(kind: str, data: bytes) -> Digest:
    """SHA-256 over the kind's prefix and the bytes, so that no digest counts for another kind."""
    return Digest("sha256:" + hashlib.sha256(prefixed(kind, data)).hexdigest())


def prefixed(kind: str, data: bytes) -> bytes:
    """What is hashed and signed for a kind of document: its name, a newline, its bytes."""
    return f"securefed/v1/{kind}\n".encode("ascii") + data


def integer(value: int) -> int:
    """An integer that every reader of JSON reads exactly."""
    if abs(value) > LARGEST_INTEGER:
        raise NotCanonical(f"The integer {value} is larger than 2^53-1")
    return value


def decimal_text(number: Decimal) -> str:
    """A decimal as plain digits: no exponent, no trailing zeros, `Infinity` for the unbounded."""
    if number.is_infinite() and number > 0:
        return "Infinity"
    if not number.is_finite():
        raise NumberInvalid(f"{number} is not a number that can be stored")
    if not number:
        return "0"
    if not -_LONGEST_DECIMAL < number.adjusted() < _LONGEST_DECIMAL:
        raise NumberInvalid(f"{number:.3e} is too large or too small to be stored")
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if not _DIGITS.fullmatch(text):
        raise NumberInvalid("A number has too many digits to be stored")
    return text


@lru_cache(maxsize=4096)
def decimal_from(text: str) -> Decimal:
    """The decimal that `decimal_text` wrote; refuses any other spelling."""
    # Before anything is computed: "0E-999999999" is a short text and a number of a gigabyte.
    if _DIGITS.fullmatch(text):
        number = Decimal(text)
        with suppress(NumberInvalid):
            if decimal_text(number) == text:
                return number
    raise NotCanonical(f"{text[:60]!a} is not a decimal in plain digits")


def _check(value: Plain, depth: int) -> None:
    if depth > _DEEPEST:
        raise NotCanonical(f"Nested deeper than {_DEEPEST} levels")
    if isinstance(value, str) or value is None:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise NotCanonical(f"The key {key!r} is not ASCII text")
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
    elif isinstance(value, int):
        integer(value)
    else:
        raise NotCanonical(f"A {type(value).__name__} has no canonical form")


def _integer(text: str) -> int:
    # Sixteen digits are the most that can be small enough, and few enough to be read at once.
    if len(text) > _LONGEST_INTEGER or abs(value := int(text)) > LARGEST_INTEGER:
        raise ValueError(f"the integer {text[:40]} is larger than 2^53-1")
    return value


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text} is a float")


# Made once: the functions of `json` make a new one for each call with options.
_WRITER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":")
)
_READER = json.JSONDecoder(parse_int=_integer, parse_float=_no_float, parse_constant=_no_float)
