"""Adding checked updates, block by block of chunks, so that blocks can go to several processes.

A block is some chunks in a row, a few MiB. For each the files are read one after the other, at
that place alone; so the memory is that of one block whatever the number of sites. Promises that
every chunk that is added is, byte for byte, the one that was checked; a site whose chunk is not, or
cannot be added, is named and its block has no sum.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from securefed.aggregation.chunks import ChunkAdder
from securefed.aggregation.frames import DIGEST_BYTES, Digester, chunk_place, read_chunks
from securefed.aggregation.shape import Shape
from securefed.domain.collection import Refusal, refusal_of
from securefed.domain.identifiers import SiteId
from securefed.errors import NotFound, SealInvalid

# Each lies on the disk as a file of its own until the sum does, and a file costs its flush.
BLOCK_BYTES = 1 << 22
NewAdder: TypeAlias = Callable[[Shape], ChunkAdder]
Opened: TypeAlias = Callable[[], BinaryIO]


@dataclass(frozen=True, kw_only=True)
class Block:
    """The chunks from one to before another."""

    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """A checked update: its file, and the file of its chunks' digests as they were checked."""

    site: SiteId
    header: bytes
    file: Opened
    digests: Opened


@dataclass(frozen=True, kw_only=True)
class BlockSum:
    """The task of a worker: a block's payloads of the sum, or the site that spoils it."""

    shape: Shape
    new_adder: NewAdder
    contributions: tuple[Contribution, ...]

    def __call__(self, block: Block) -> bytes | Refusal:
        """Reads each contribution at the block, compares, and adds."""
        adder = self.new_adder(self.shape)
        for one in self.contributions:
            try:
                self._add(adder, one, block)
            except (SealInvalid, NotFound) as error:
                return refusal_of(one.site, error)
        return b"".join(adder.total(index) for index in range(block.start, block.stop))

    def _add(self, adder: ChunkAdder, one: Contribution, block: Block) -> None:
        digester = Digester(one.header)
        with one.file() as file, one.digests() as digests:
            file.seek(chunk_place(one.header, block.start, self.shape.chunk_bytes))
            digests.seek(block.start * DIGEST_BYTES)
            lengths = (self.shape.payload_bytes(at) for at in range(block.start, block.stop))
            for index, payload in enumerate(read_chunks(file, lengths), block.start):
                if digester.chunk(index, payload) != digests.read(DIGEST_BYTES):
                    raise SealInvalid(f"Chunk {index} has changed since the file was checked")
                adder.add(index, payload)


def blocks_of(shape: Shape) -> tuple[Block, ...]:
    """All blocks of a sum."""
    size = max(1, BLOCK_BYTES // shape.chunk_bytes)
    return tuple(
        Block(start=start, stop=min(start + size, shape.chunks))
        for start in range(0, shape.chunks, size)
    )


def block_bytes(shape: Shape, block: Block) -> int:
    """How long the payloads of a block are together."""
    return sum(shape.payload_bytes(index) for index in range(block.start, block.stop))
