"""A sealed file's outer form: a header, chunks of lengths that are known before, a trailer.

    securefed sealed 1 <newline>
    <length, 4 bytes> <header: canonical JSON>
    <length, 4 bytes> <payload>                  as many as the header's seal demands
    <length, 4 bytes> <trailer: canonical JSON>
    and nothing behind it

Lengths are little-endian. A chunk's digest covers the header, the chunk's position and its payload,
so that no chunk counts for another file or place; the body's digest covers all chunks' digests, and
the trailer's signature covers the body. Promises to read and write in the memory of one chunk and
of 32 bytes for each; to read no more than it expects; to refuse before it returns. No compression,
no pickle, no other encoding.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from securefed.domain.canonical import prefixed
from securefed.domain.identifiers import Digest
from securefed.errors import SealInvalid

MAGIC = b"securefed sealed 1\n"
LARGEST_HEADER = 1 << 16
LENGTH_BYTES = 4
CHUNK_KIND = "sealed-chunk"
BODY_KIND = "sealed-body"
DIGEST_BYTES = 32
_INDEX_BYTES = 8


class Digester:
    """The digests of the chunks of one file, and of its body."""

    def __init__(self, header: bytes) -> None:
        self._start = hashlib.sha256(prefixed(CHUNK_KIND, hashlib.sha256(header).digest()))

    def chunk(self, index: int, payload: bytes) -> bytes:
        """A chunk's digest."""
        running = self._start.copy()
        running.update(index.to_bytes(_INDEX_BYTES, "little"))
        running.update(payload)
        return running.digest()


def body_digest(digests: Iterable[bytes]) -> Digest:
    """The digest of a body, from its chunks' digests in order."""
    running = hashlib.sha256(prefixed(BODY_KIND, b""))
    for one in digests:
        running.update(one)
    return Digest("sha256:" + running.hexdigest())


def framed(
    header: bytes, payloads: Iterable[bytes], close: Callable[[Digest], bytes]
) -> Iterator[bytes]:
    """The parts of a file, one after the other; `close` makes the trailer of the body's digest."""
    if len(header) > LARGEST_HEADER:
        raise SealInvalid(f"A header of {len(header)} bytes is too long to be read")
    yield MAGIC + _length(header) + header
    digester = Digester(header)
    digests = []
    for index, payload in enumerate(payloads):
        digests.append(digester.chunk(index, payload))
        yield _length(payload) + payload
    trailer = close(body_digest(digests))
    yield _length(trailer) + trailer


def read_header(file: BinaryIO) -> bytes:
    """The header of a file that is read from its start."""
    if _exactly(file, len(MAGIC), "first line") != MAGIC:
        raise SealInvalid("This is not a sealed file of this version")
    return _part(file, "header", most=LARGEST_HEADER)


def read_chunks(file: BinaryIO, lengths: Iterable[int]) -> Iterator[bytes]:
    """The payloads that follow; each must have just the length that is expected of it."""
    for index, length in enumerate(lengths):
        yield _part(file, f"chunk {index}", most=length, least=length)


def read_trailer(file: BinaryIO, *, most: int) -> bytes:
    """The trailer, behind which the file must end."""
    trailer = _part(file, "trailer", most=most)
    if file.read(1):
        raise SealInvalid("The file goes on behind its trailer")
    return trailer


def chunk_place(header: bytes, index: int, chunk_bytes: int) -> int:
    """Where in a file a chunk begins whose predecessors all have this length."""
    start = len(MAGIC) + LENGTH_BYTES + len(header)
    return start + index * (LENGTH_BYTES + chunk_bytes)


def _part(file: BinaryIO, name: str, *, most: int, least: int = 1) -> bytes:
    length = int.from_bytes(_exactly(file, LENGTH_BYTES, f"length of the {name}"), "little")
    if not least <= length <= most:
        raise SealInvalid(f"The {name} claims {length} bytes; it can have {least} to {most}")
    return _exactly(file, length, name)


def _exactly(file: BinaryIO, length: int, name: str) -> bytes:
    parts = []
    while length:
        part = file.read(length)
        if not part:
            raise SealInvalid(f"The file ends within its {name}")
        parts.append(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _length(part: bytes) -> bytes:
    return len(part).to_bytes(LENGTH_BYTES, "little")
