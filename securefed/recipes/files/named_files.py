"""Files that an index names, one for each record: pictures, or texts too long for a cell.

Promises that a name leads to a regular file inside the index's folder and nowhere else: no absolute
name, no "..", and no symbolic link on the way, however quickly somebody puts one there. A file is
bounded in size, and with a digest in the index it is the file that was indexed. Errors quote
neither the name, which is a cell, nor the content; `where` is what the caller calls the record.
"""

import hashlib
import os
import stat
from pathlib import Path, PurePosixPath

from securefed.errors import DataUnreadable

MOST_BYTES = 64 * 2**20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without waiting: a pipe would otherwise hold the run up for ever.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def read_pinned_file(folder: Path, name: str, sha256: str, *, where: str = "") -> bytes:
    """The content of a file whose SHA-256 the index states, in hexadecimal."""
    content = _content(folder, name, where)
    if hashlib.sha256(content).hexdigest() != sha256.lower():
        raise _unusable(folder, where, "a file with the SHA-256 that the index states")
    return content


def read_text_file(folder: Path, name: str, sha256: str | None = None, *, where: str = "") -> str:
    """The text of a UTF-8 file."""
    if sha256 is None:
        content = _content(folder, name, where)
    else:
        content = read_pinned_file(folder, name, sha256, where=where)
    text = None if b"\0" in content else decoded(content)
    if text is None:
        raise _unusable(folder, where, "a file of UTF-8 text without NUL bytes")
    return text


def decoded(data: bytes) -> str | None:
    """Bytes as text, if they are UTF-8."""
    # An error of decoding would carry the bytes along.
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _content(folder: Path, name: str, where: str) -> bytes:
    parts = _parts(name)
    content = _read(folder, parts) if parts else None
    if content is None:
        raise _unusable(folder, where, "the name of a readable file inside the folder of the index")
    if len(content) > MOST_BYTES:
        raise _unusable(folder, where, f"a file of at most {MOST_BYTES:,} bytes")
    return content


def _parts(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name)
    inside = not path.is_absolute() and ".." not in path.parts and "\0" not in name
    return path.parts if inside else ()


def _read(folder: Path, parts: tuple[str, ...]) -> bytes | None:
    """At most one byte more than a file may have; none where there is no such file."""
    # Step by step: a path that was looked at and then opened could have changed in between.
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in parts[:-1]:
            place = _stepped(place, part)
        return _whole(_stepped(place, parts[-1], _FILE))
    # ValueError: a name with half of a surrogate pair, which its message would quote.
    except (OSError, ValueError):
        return None


def _whole(number: int) -> bytes | None:
    """What an open file holds; none if it is no regular one. It is let go."""
    # Not opened by its number: that leaves the number open where it is a folder's.
    try:
        regular = stat.S_ISREG(os.fstat(number).st_mode)
        stream = os.fdopen(number, "rb", closefd=False) if regular else None
        return None if stream is None else stream.read(MOST_BYTES + 1)
    finally:
        os.close(number)


def _stepped(place: int, part: str, flags: int = _DIRECTORY) -> int:
    """What lies one name further; the place before it is let go."""
    try:
        return os.open(part, flags, dir_fd=place)
    finally:
        os.close(place)


def _unusable(folder: Path, where: str, wanted: str) -> DataUnreadable:
    return DataUnreadable(f"Expected {wanted}", where=where or f"a record of the index in {folder}")
