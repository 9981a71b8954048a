"""Plain trees as YAML that every reader reads alike.

Text stands in double quotes with JSON's escapes, so no value is taken for a number, a date or a
boolean; numbers have a point, and their power of ten a sign. Promises nothing beyond what a record
for a registry needs: no references, no tags, no nulls.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from securefed.domain.report.deployment import Record

# What YAML wants escaped, or what some readers take for the end of a line.
_UNSEEN = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_KEY = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def yaml_text(record: Record) -> str:
    """The whole document."""
    return "\n".join(_lines(record, 0)) + "\n"


def _lines(value: Record, depth: int) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            if not _KEY.fullmatch(key):
                raise ValueError(f"{key!r} is not a key that YAML reads as text everywhere")
            yield from _entry(f"{key}:", below, depth)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for below in value:
            yield from _entry("-", below, depth)
    else:
        yield "  " * depth + _scalar(value)


def _entry(mark: str, below: Record, depth: int) -> Iterator[str]:
    if isinstance(below, Mapping | list | tuple):
        yield "  " * depth + mark
        yield from _lines(below, depth + 1)
    else:
        yield f"{'  ' * depth}{mark} {_scalar(below)}"


def _scalar(value: object) -> str:
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        quoted = json.dumps(value, ensure_ascii=False)
        return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
    raise TypeError(f"a {type(value).__name__} has no place in a record")


def _number(value: Decimal) -> str:
    if value == 0 or Decimal("0.0001") <= abs(value) < Decimal("1e9"):
        plain = f"{value:f}"
        return plain if "." in plain else f"{plain}.0"
    mantissa, _, power = f"{value.normalize():e}".partition("e")
    pointed = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{pointed}e{int(power):+03d}"
