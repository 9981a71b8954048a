"""A TOML file as plain values, with every decimal exact.

Promises that a file which is missing, too large, not UTF-8 or not TOML is refused with its name,
and that no number passes through a float. Knows nothing of what the keys mean.
"""

import tomllib
from decimal import Decimal, InvalidOperation
from pathlib import Path

from securefed.config.problems import Problem, refused

LARGEST_FILE = 1_000_000


class FileUnfit(ValueError):
    """A file that cannot be taken as it is: what was expected of it, and what it is."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected = expected
        self.got = got


def read_toml(path: Path) -> dict[str, object]:
    """The keys and values of a file."""
    try:
        return _parsed(bounded_bytes(path))
    except FileUnfit as unfit:
        raise refused(path, [Problem(key="", expected=unfit.expected, got=unfit.got)]) from unfit


def value_in(text: str) -> object:
    """The value that a text is in TOML; what is none there is the text itself."""
    try:
        found = _parsed(f"value = {text}".encode("utf-8", "surrogateescape"))
    except FileUnfit:
        return text
    return found["value"] if len(found) == 1 else text


def values_in(text: str) -> list[object]:
    """The same for several values, which commas separate."""
    try:
        found = _parsed(f"values = [{text}]".encode("utf-8", "surrogateescape"))
    except FileUnfit:
        return [value_in(one.strip()) for one in text.split(",")]
    values = found["values"]
    return list(values) if len(found) == 1 and isinstance(values, list) else [text]


def bounded_bytes(path: Path) -> bytes:
    """A regular file's bytes, as long as it is of the size of something that people write."""
    try:
        if not path.is_file():
            raise FileUnfit("a file", "a folder or device" if path.exists() else "nothing there")
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FileUnfit("a readable file", error.strerror or "an error of the disk") from error
    except ValueError as error:
        if isinstance(error, FileUnfit):
            raise
        raise FileUnfit("a file", "a name that no file can have") from error
    if len(data) > LARGEST_FILE:
        raise FileUnfit(f"a file of at most {LARGEST_FILE:,} bytes", "a larger one")
    return data


def _parsed(data: bytes) -> dict[str, object]:
    try:
        return tomllib.loads(data.decode("utf-8"), parse_float=_exact)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileUnfit("UTF-8 text", f"other bytes in line {line}") from error
    except RecursionError as error:
        raise FileUnfit("TOML", "values nested too deeply") from error
    except ValueError as error:
        raise FileUnfit("TOML", f"a mistake: {error}") from error


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError("a number's exponent is too large") from error
