"""A request's body: what the sum is announced to be, and then the sum's file.

    <length, 4 bytes, little-endian> <announcement: canonical JSON> <sealed sum>

The announcement is kept in memory, up to a megabyte, and the file goes to the disk, into one that
has no name: whatever happens to the process, nothing of it is left. Promises that a body is taken
only at the exact length and digest that were signed, and never more of it than that.
"""

import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from securefed.adapters.custodian_http.signed_request import RequestLine
from securefed.aggregation.shape import shape_of
from securefed.aggregation.tally_digits import LARGEST_TALLY
from securefed.domain.identifiers import Digest
from securefed.domain.key_card import Registration
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.update import Roster, Seal
from securefed.errors import IntegrityError, RequestRefused

LARGEST_ANNOUNCEMENT = 1 << 20
_LENGTH_BYTES = 4
# A sum's header and trailer; the trailer names at most a thousand updates.
_AROUND = 2 << 20
_PART = 1 << 18
# The fewest values that a chunk of any suite holds, and the most bytes for it.
_CHUNK_VALUES, _CHUNK_BYTES = 4096, 61_444
_MASK_BYTES = 8


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """What a coordinator says of the sum that follows; `expected` is that of a canary."""

    seal: Seal
    roster: Roster
    expected: Digest | None


@dataclass(frozen=True, kw_only=True)
class Received:
    """A whole body."""

    announcement: Announcement
    file: BinaryIO


def most_bytes(registration: Registration) -> int:
    """The largest body that a study can have a reason for."""
    values = registration.parameters + LARGEST_TALLY
    chunks = -(-values // _CHUNK_VALUES)
    words = _MASK_BYTES * values
    return LARGEST_ANNOUNCEMENT + _AROUND + max(chunks * _CHUNK_BYTES, words) + 4 * chunks


def body_parts(announcement: Announcement, file: BinaryIO) -> Iterator[bytes]:
    """The parts of a body, from a file that is read from its start."""
    head = to_bytes(announcement)
    yield len(head).to_bytes(_LENGTH_BYTES, "little") + head
    file.seek(0)
    while part := file.read(_PART):
        yield part


async def receive(parts: AsyncIterator[bytes], line: RequestLine, folder: Path) -> Received:
    """Takes a body of the signed length; refuses any other, and closes its file then."""
    head, running, total = bytearray(), hashlib.sha256(), 0
    with ExitStack() as closing:
        file = closing.enter_context(tempfile.TemporaryFile(dir=folder))
        async for part in parts:
            total += len(part)
            if total > line.length:
                raise RequestRefused("The body is longer than was signed")
            running.update(part)
            file.write(_beyond_head(head, part))
        if total != line.length or "sha256:" + running.hexdigest() != line.body:
            raise RequestRefused("The body is not the one that was signed")
        file.seek(0)
        received = Received(announcement=_announced(head), file=file)
        closing.pop_all()
        return received


def _beyond_head(head: bytearray, part: bytes) -> bytes:
    """Fills the announcement up first; what goes on behind it belongs to the file."""
    rest = part
    if len(head) < _LENGTH_BYTES:
        missing = _LENGTH_BYTES - len(head)
        head += rest[:missing]
        rest = rest[missing:]
    if len(head) >= _LENGTH_BYTES:
        missing = _LENGTH_BYTES + _head_length(head) - len(head)
        head += rest[:missing]
        rest = rest[missing:]
    return rest


def _head_length(head: bytearray) -> int:
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    if not 1 <= length <= LARGEST_ANNOUNCEMENT:
        raise RequestRefused(f"An announcement has at most {LARGEST_ANNOUNCEMENT} bytes")
    return length


def _announced(head: bytearray) -> Announcement:
    try:
        announcement = from_bytes(Announcement, bytes(head[_LENGTH_BYTES:]))
    except IntegrityError as error:
        raise RequestRefused(f"Not an announcement: {error}") from error
    shape_of(announcement.seal)
    return announcement
