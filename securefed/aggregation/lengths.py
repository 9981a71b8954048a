"""How long a sealed update is, to the byte, before one is read: what bounds what a peer can send.

Only the number of saturated values has no fixed length, so there is a shortest and a longest file.
"""

from collections.abc import Iterable, Iterator

from securefed.aggregation.frames import LENGTH_BYTES, MAGIC
from securefed.aggregation.sealed_file import update_header, update_of
from securefed.aggregation.shape import shape_of
from securefed.domain.identifiers import Digest, ExchangeKey, Signature, SiteId
from securefed.domain.records import to_bytes
from securefed.domain.update import Seal, SignedUpdate
from securefed.errors import SealInvalid

_ONCE = ExchangeKey(ExchangeKey.example)
_BODY = Digest("sha256:" + "0" * 64)
_SIGNATURE = Signature("0" * 128)


def update_lengths(seal: Seal, site: SiteId) -> tuple[int, int]:
    """The shortest and the longest file that a site can send for a seal."""
    header = update_header(seal, site, _ONCE if seal.masked else None)
    shape = shape_of(seal)
    parts = len(MAGIC) + LENGTH_BYTES + len(to_bytes(header)) + LENGTH_BYTES
    chunks = shape.chunks * LENGTH_BYTES + shape.total_bytes

    def whole(saturated: int) -> int:
        update = update_of(header, _BODY, saturated)
        return parts + chunks + len(to_bytes(SignedUpdate(update=update, signature=_SIGNATURE)))

    return whole(0), whole(seal.parameters)


def bounded(parts: Iterable[bytes], least: int, most: int) -> Iterator[bytes]:
    """The parts of a file; refuses it at the first byte too many, or where it ends too early."""
    length = 0
    for part in parts:
        length += len(part)
        if length > most:
            raise SealInvalid(f"The file is longer than the {most} bytes that its seal allows")
        yield part
    if length < least:
        raise SealInvalid(f"The file has {length} bytes; its seal demands {least}")
