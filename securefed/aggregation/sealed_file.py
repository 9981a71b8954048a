"""Sealed updates and sealed sums as files: written once, checked whole, then read chunk by chunk.

    for part in written_update(seal, site, once, payloads, close): file.write(part)
    checked = check_update(file, seal, roster, verify, adder.check)
    for index, payload in checked.chunks(file): adder.add(index, payload)

Promises that chunks can be had only of a file that was checked from its first byte to its last,
signature and every payload's form included, and that each is still the same when it is read again.
So a file that is refused has added nothing. What is expected comes from the reader's own seal; a
file that states another is refused by the names of the fields.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, TypeVar

from securefed.aggregation.frames import (
    Digester,
    body_digest,
    chunk_place,
    framed,
    read_chunks,
    read_header,
    read_trailer,
)
from securefed.aggregation.shape import Shape, shape_of
from securefed.domain.identifiers import Digest, ExchangeKey, PublicKey, Signature, SiteId
from securefed.domain.ledger import Verify
from securefed.domain.records import Record, from_bytes, to_bytes
from securefed.domain.update import Roster, Seal, SealedSum, SealedUpdate, SignedUpdate
from securefed.errors import NotCanonical, RecordInvalid, SealInvalid

# The trailer of a sum names all its updates, about 600 bytes each.
LARGEST_TRAILER = 1 << 20
# Refuses a payload that no sealer makes: `ChunkAdder.check`.
CheckPayload = Callable[[int, bytes], None]
_R = TypeVar("_R", bound=Record)


@dataclass(frozen=True, kw_only=True)
class UpdateHeader:
    """What a sealed update says first."""

    kind: ClassVar[str] = "update"
    seal: Seal
    site: SiteId
    once: ExchangeKey | None
    chunks: int
    chunk_bytes: int


@dataclass(frozen=True, kw_only=True)
class SumHeader:
    """What a sealed sum says first."""

    kind: ClassVar[str] = "sum"
    seal: Seal
    chunks: int
    chunk_bytes: int


@dataclass(frozen=True, kw_only=True)
class SignedSum:
    """A sum's description and the coordinator's signature."""

    sum: SealedSum
    signature: Signature


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """A file that was read once and found right."""

    header: bytes
    shape: Shape
    digests: tuple[bytes, ...]

    def chunks(
        self, file: BinaryIO, start: int = 0, stop: int | None = None
    ) -> Iterator[tuple[int, bytes]]:
        """Chunks with their index, in order, each compared with what was checked."""
        digester = Digester(self.header)
        stop = len(self.digests) if stop is None else stop
        file.seek(chunk_place(self.header, start, self.shape.chunk_bytes))
        lengths = (self.shape.payload_bytes(index) for index in range(start, stop))
        for index, payload in enumerate(read_chunks(file, lengths), start):
            if digester.chunk(index, payload) != self.digests[index]:
                raise SealInvalid(f"Chunk {index} has changed since the file was checked")
            yield index, payload


@dataclass(frozen=True, kw_only=True)
class CheckedUpdate(_Checked):
    """A sealed update that may be added."""

    signed: SignedUpdate


@dataclass(frozen=True, kw_only=True)
class CheckedSum(_Checked):
    """A sealed sum that may be opened, as far as its file and its manifest can tell."""

    signed: SignedSum


def written_update(
    header: UpdateHeader, payloads: Iterable[bytes], close: Callable[[Digest], SignedUpdate]
) -> Iterator[bytes]:
    """The parts of a sealed update's file."""
    return framed(to_bytes(header), payloads, lambda body: to_bytes(close(body)))


def written_sum(
    header: SumHeader, payloads: Iterable[bytes], close: Callable[[Digest], SignedSum]
) -> Iterator[bytes]:
    """The parts of a sealed sum's file."""
    return framed(to_bytes(header), payloads, lambda body: to_bytes(close(body)))


def update_header(seal: Seal, site: SiteId, once: ExchangeKey | None) -> UpdateHeader:
    """The header of a site's update."""
    shape = shape_of(seal)
    return UpdateHeader(
        seal=seal, site=site, once=once, chunks=shape.chunks, chunk_bytes=shape.chunk_bytes
    )


def sum_header(seal: Seal) -> SumHeader:
    """The header of a sum."""
    shape = shape_of(seal)
    return SumHeader(seal=seal, chunks=shape.chunks, chunk_bytes=shape.chunk_bytes)


def update_of(header: UpdateHeader, body: Digest, saturated: int) -> SealedUpdate:
    """What a site signs, once its body is written."""
    return SealedUpdate(
        seal=header.seal.digest,
        site=header.site,
        once=header.once,
        chunks=header.chunks,
        chunk_bytes=header.chunk_bytes,
        body=body,
        saturated=saturated,
    )


def check_update(
    file: BinaryIO, seal: Seal, roster: Roster, verify: Verify, check: CheckPayload
) -> CheckedUpdate:
    """Reads a sealed update from its start to its end; refuses any that is not wholly right."""
    stored = read_header(file)
    header = _record(UpdateHeader, stored)
    seal.expect(header.seal)
    if header != update_header(seal, header.site, header.once):
        raise SealInvalid("The header's number or length of chunks is not what its seal demands")
    digests = _digests(file, stored, shape_of(seal), check)
    signed = _record(SignedUpdate, read_trailer(file, most=LARGEST_TRAILER))
    if signed.update != update_of(header, body_digest(digests), signed.update.saturated):
        raise SealInvalid("The trailer is not that of this header and body")
    signed.check(seal, roster, verify)
    return CheckedUpdate(header=stored, shape=shape_of(seal), digests=digests, signed=signed)


def check_sum(
    file: BinaryIO,
    seal: Seal,
    roster: Roster,
    coordinator: PublicKey,
    verify: Verify,
    check: CheckPayload,
) -> CheckedSum:
    """Reads a sealed sum likewise: complete, signed by the coordinator and by every contributor."""
    stored = read_header(file)
    header = _record(SumHeader, stored)
    seal.expect(header.seal)
    if header != sum_header(seal):
        raise SealInvalid("The header's number or length of chunks is not what its seal demands")
    digests = _digests(file, stored, shape_of(seal), check)
    signed = _record(SignedSum, read_trailer(file, most=LARGEST_TRAILER))
    found = signed.sum
    expected = (header.chunks, header.chunk_bytes, body_digest(digests))
    if (found.chunks, found.chunk_bytes, found.body) != expected:
        raise SealInvalid("The trailer is not that of this header and body")
    if not verify(coordinator, found.signed, signed.signature):
        raise SealInvalid("The coordinator's signature does not match the sum")
    found.check(seal, roster, verify)
    return CheckedSum(header=stored, shape=shape_of(seal), digests=digests, signed=signed)


def _digests(file: BinaryIO, header: bytes, shape: Shape, check: CheckPayload) -> tuple[bytes, ...]:
    digester = Digester(header)
    lengths = (shape.payload_bytes(index) for index in range(shape.chunks))
    digests = []
    for index, payload in enumerate(read_chunks(file, lengths)):
        check(index, payload)
        digests.append(digester.chunk(index, payload))
    return tuple(digests)


def _record(wanted: type[_R], stored: bytes) -> _R:
    try:
        return from_bytes(wanted, stored)
    except (NotCanonical, RecordInvalid) as error:
        raise SealInvalid(f"Not the header or trailer of a sealed file: {error}") from error
