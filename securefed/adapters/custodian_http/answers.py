"""A custodian's answers: opened words as a file with its signature, or a signed word on a canary.

The file has the outer form of sealed files, so every chunk and the whole are covered by digests.
Each answer names the request that it is for, so none counts for another. A reader gives out no word
before the whole file was checked.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, TypeVar

import numpy as np

from securefed.aggregation.chunks import Words
from securefed.aggregation.frames import (
    LENGTH_BYTES,
    Digester,
    body_digest,
    chunk_place,
    framed,
    read_chunks,
    read_header,
    read_trailer,
)
from securefed.aggregation.shape import Shape
from securefed.domain.canonical import prefixed
from securefed.domain.identifiers import Digest, PublicKey, Signature
from securefed.domain.key_card import SignedCard
from securefed.domain.ledger import Verify
from securefed.domain.records import Record, from_bytes, to_bytes
from securefed.errors import IntegrityError, SealInvalid, SignatureInvalid

ANSWER_KIND = "custody-answer"
LARGEST_TRAILER = 4096
_WORD_BYTES = 8
_LITTLE = np.dtype("<u8")
_R = TypeVar("_R", bound=Record)
Sign = Callable[[bytes], Signature]


@dataclass(frozen=True, kw_only=True)
class Cards:
    """A study's key cards, oldest first."""

    cards: tuple[SignedCard, ...]


@dataclass(frozen=True, kw_only=True)
class OpenedHeader:
    """What opened words say first."""

    kind: ClassVar[str] = "opened"
    asked: Digest
    chunks: int


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What a custodian answers with words: the request, and the digest of all of them."""

    kind: ClassVar[str] = "opened-words"
    asked: Digest
    body: Digest


@dataclass(frozen=True, kw_only=True)
class Proved:
    """What a custodian answers about a canary."""

    kind: ClassVar[str] = "canary-proved"
    asked: Digest
    proved: bool


@dataclass(frozen=True, kw_only=True)
class SignedAnswer:
    """An answer and the custodian's signature."""

    answer: Opened | Proved
    signature: Signature

    def check(self, custodian: PublicKey, verify: Verify) -> Opened | Proved:
        """The answer, if the custodian signed it."""
        signed = prefixed(ANSWER_KIND, to_bytes(self.answer))
        if not verify(custodian, signed, self.signature):
            raise SignatureInvalid("The answer is not signed by the custodian")
        return self.answer


def signed_answer(answer: Opened | Proved, sign: Sign) -> SignedAnswer:
    """An answer with its signature."""
    return SignedAnswer(answer=answer, signature=sign(prefixed(ANSWER_KIND, to_bytes(answer))))


def written_words(
    asked: Digest, chunks: int, words: Iterable[Words], sign: Sign
) -> Iterator[bytes]:
    """The parts of a file of opened words."""
    payloads = (one.astype(_LITTLE, copy=False).tobytes() for one in words)
    header = to_bytes(OpenedHeader(asked=asked, chunks=chunks))
    return framed(
        header,
        payloads,
        lambda body: to_bytes(signed_answer(Opened(asked=asked, body=body), sign)),
    )


def largest_answer(shape: Shape) -> int:
    """More bytes than any answer of a shape has."""
    words = sum(shape.slots(index) for index in range(shape.chunks))
    return _WORD_BYTES * words + LENGTH_BYTES * shape.chunks + 2 * LARGEST_TRAILER


def read_words(
    file: BinaryIO, asked: Digest, shape: Shape, custodian: PublicKey, verify: Verify
) -> Iterator[Words]:
    """The words of a file, which is checked whole before the first is given out."""
    header = read_header(file)
    expected = OpenedHeader(asked=asked, chunks=shape.chunks)
    if record_of(OpenedHeader, header) != expected:
        raise SealInvalid("The answer is for another request")
    lengths = [_WORD_BYTES * shape.slots(index) for index in range(shape.chunks)]
    digester = Digester(header)
    chunks = enumerate(read_chunks(file, lengths))
    digests = [digester.chunk(index, payload) for index, payload in chunks]
    signed = record_of(SignedAnswer, read_trailer(file, most=LARGEST_TRAILER))
    if signed.check(custodian, verify) != Opened(asked=asked, body=body_digest(digests)):
        raise SealInvalid("The answer's signature is over other words")
    return _again(file, header, lengths, digests)


def record_of(wanted: type[_R], stored: bytes) -> _R:
    """A record that a custodian sent."""
    try:
        return from_bytes(wanted, stored)
    except IntegrityError as error:
        raise SealInvalid(f"Not an answer of a custodian: {error}") from error


def _again(
    file: BinaryIO, header: bytes, lengths: list[int], digests: list[bytes]
) -> Iterator[Words]:
    file.seek(chunk_place(header, 0, 0))
    digester = Digester(header)
    for index, payload in enumerate(read_chunks(file, lengths)):
        if digester.chunk(index, payload) != digests[index]:
            raise SealInvalid(f"Chunk {index} has changed since the file was checked")
        yield np.frombuffer(payload, _LITTLE).astype(np.uint64, copy=False)
