"""What is wrong with a configuration file, one line a problem, all of them at once.

A problem names the key's path, what was expected there and what was found. Pydantic's errors are
translated here, so that nobody has to know that pydantic reads the files.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from securefed.config.outline import Outline
from securefed.errors import ConfigInvalid, SecurefedError

_MOST = 100
_WIDEST = 60
_BARE = re.compile(r"[A-Za-z0-9_-]{1,80}")
_STRUCTURE = {
    "model_type": "a table",
    "dict_type": "a table",
    "list_type": "a list",
    "too_short": "at least one",
}


class Unfit(ValueError):
    """A value that a field cannot take. `key` is set when the fault lies in one key of a table."""

    def __init__(self, expected: str, *, key: str = "", got: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.key = key
        self.got = got


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong. Without a key it concerns the whole file."""

    key: str
    expected: str
    got: str

    def __str__(self) -> str:
        place = f"{self.key}: " if self.key else ""
        return f"{place}expected {self.expected}, got {self.got}"


def refused(file: Path, problems: Sequence[Problem]) -> ConfigInvalid:
    """The error that lists a file's problems."""
    lines = [str(problem) for problem in problems[:_MOST]]
    if len(problems) > _MOST:
        lines.append(f"and {len(problems) - _MOST} more")
    return ConfigInvalid("\n".join(lines), where=str(file))


@contextmanager
def said_of(file: Path, keys: Mapping[str, str]) -> Iterator[None]:
    """Adds file and key to what the domain says; `keys` maps its first words to our keys."""
    try:
        yield
    except SecurefedError as error:
        named = [key for words, key in keys.items() if error.what.startswith(words)]
        what = f"{named[0]}: {error.what}" if named else error.what
        raise ConfigInvalid(what, where=str(file), hint=error.remedy) from error


def problems_of(error: ValidationError, outline: Outline) -> list[Problem]:
    """Pydantic's errors as ours."""
    return [
        _problem(one["type"], one["loc"], one["input"], one.get("ctx", {}), outline)
        for one in error.errors(include_url=False)
    ]


def _problem(
    kind: str,
    place: tuple[int | str, ...],
    value: object,
    context: Mapping[str, object],
    outline: Outline,
) -> Problem:
    place = tuple(part for part in place if part != "[key]")
    unfit = context.get("error")
    if isinstance(unfit, Unfit):
        where = (*place, unfit.key) if unfit.key else place
        got = unfit.got or found(value)
        return Problem(key=path_text(where), expected=unfit.expected, got=got)
    if kind == "missing":
        return Problem(key=path_text(place), expected=outline.meaning(place), got="nothing")
    if kind == "extra_forbidden":
        return _unknown(place, outline)
    return Problem(key=path_text(place), expected=_STRUCTURE.get(kind, kind), got=found(value))


def _unknown(place: tuple[int | str, ...], outline: Outline) -> Problem:
    known = sorted(outline.keys(place[:-1]))
    near = get_close_matches(str(place[-1])[:80], known, n=1)
    advice = f"; did you mean {near[0]!r}?" if near else ""
    expected = f"one of {', '.join(known)}" if known else "no key here"
    return Problem(key=path_text(place), expected=expected, got=f"an unknown key{advice}")


def path_text(place: Sequence[int | str]) -> str:
    """A key's path as one would write it in TOML."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if _BARE.fullmatch(part) else ascii(part[:_WIDEST])
            text += f".{word}" if text else word
    return text


def found(value: object) -> str:
    """A value from a file as one would say it, safe to print."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text {_shortened(ascii(str(value)[:1000]))}"
        case int() if abs(value) >= 10**40:
            return "a very large whole number"
        case int() | Decimal():
            return _shortened(str(value))
        case dict():
            return "a table"
        case list() | tuple():
            return "a list"
        case _:
            return f"the moment {value}"


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
