"""Closing a round: the sum of all received updates, block by block, signed, written once.

    opened = close_sum(collecting, workers, signer)

A part of the sum lies on the disk as soon as its block is added, bound to the updates in it;
after a crash only the missing ones are added, and the file is the same to the byte. A site whose
file changed since it was checked is put out, and the rest goes on while the quorum holds. Once the
sum is there the updates are deleted: no later theft of a key opens what is not there.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import BinaryIO

from securefed.aggregation.adding import Block, BlockSum, block_bytes, blocks_of
from securefed.aggregation.sealed_file import SignedSum, SumHeader, sum_header, written_sum
from securefed.aggregation.shape import Shape, shape_of
from securefed.domain.collection import Manifest, Refusal
from securefed.domain.identifiers import Digest
from securefed.domain.update import SealedSum
from securefed.errors import NotFound, SumIncomplete
from securefed.ports import RoundFiles, Signer, Workers
from securefed.steps.collect_updates import Collecting

_BOUND = hashlib.sha256().digest_size
# To start other processes takes about as long as to add so many bytes in this one.
ALONE_BYTES = 1 << 30


def close_sum(collecting: Collecting, workers: Workers, signer: Signer) -> Callable[[], BinaryIO]:
    """What opens the file of the round's sum; the same one, however often it is asked for."""
    files, names = collecting.files, collecting.names
    while names.sum not in files.names():
        manifest = collecting.close()
        parts = Parts(collecting, manifest)
        spoiled = parts.make(workers)
        if spoiled is not None:
            collecting.reopen_without(spoiled)
            continue
        header = sum_header(collecting.announced.seal)
        files.put(
            names.sum, written_sum(header, parts.payloads(), sum_closer(header, manifest, signer))
        )
    _tidy(collecting)
    return files.opener(names.sum)


class Parts:
    """The blocks of a sum over a manifest, as they lie in the round's files."""

    def __init__(self, collecting: Collecting, manifest: Manifest) -> None:
        self._collecting = collecting
        self._manifest = manifest
        self._files: RoundFiles = collecting.files
        self._shape: Shape = shape_of(collecting.announced.seal)
        self._blocks = blocks_of(self._shape)

    def make(self, workers: Workers) -> Refusal | None:
        """Adds what is missing; names the first site that spoils it."""
        task = BlockSum(
            shape=self._shape,
            new_adder=self._collecting.new_adder,
            contributions=tuple(map(self._collecting.contribution, self._manifest.updates)),
        )
        missing = [block for block in self._blocks if self._found(block) is None]
        with closing(self._added(task, missing, workers)) as results:
            for block, result in results:
                if isinstance(result, Refusal):
                    return result
                name = self._collecting.names.part(block.start)
                self._files.put(name, [self._binding(block, result), result])
        return None

    def _added(
        self, task: BlockSum, missing: Sequence[Block], workers: Workers
    ) -> Generator[tuple[Block, bytes | Refusal], None, None]:
        """Each block with its sum; the workers take part only where there is much to add."""
        bytes_each = sum(block_bytes(self._shape, block) for block in missing)
        if bytes_each * len(task.contributions) > ALONE_BYTES:
            yield from workers.each(task, missing)
            return
        for block in missing:
            yield block, task(block)

    def payloads(self) -> Iterator[bytes]:
        """All chunks of the sum, in order."""
        for block in self._blocks:
            content = self._found(block)
            if content is None:
                raise SumIncomplete(f"The part of the sum at chunk {block.start} has changed")
            place = 0
            for index in range(block.start, block.stop):
                length = self._shape.payload_bytes(index)
                yield content[place : place + length]
                place += length

    def _found(self, block: Block) -> bytes | None:
        name = self._collecting.names.part(block.start)
        try:
            with self._files.opener(name)() as file:
                binding = file.read(_BOUND)
                content = file.read(block_bytes(self._shape, block) + 1)
        except NotFound:
            return None
        return content if binding == self._binding(block, content) else None

    def _binding(self, block: Block, content: bytes) -> bytes:
        place = f"{block.start} {block.stop} {len(content)}\n".encode("ascii")
        return hashlib.sha256(self._manifest.binding + place + content).digest()


def sum_closer(
    header: SumHeader, manifest: Manifest, signer: Signer
) -> Callable[[Digest], SignedSum]:
    """What signs a sum, once its body is written."""

    def close(body: Digest) -> SignedSum:
        made = SealedSum(
            seal=header.seal.digest,
            updates=manifest.updates,
            chunks=header.chunks,
            chunk_bytes=header.chunk_bytes,
            body=body,
        )
        return SignedSum(sum=made, signature=signer.sign(made.signed))

    return close


def _tidy(collecting: Collecting) -> None:
    files, names = collecting.files, collecting.names
    there = files.names()
    sites = collecting.announced.sites
    done = {name(site) for name in (names.update, names.digests) for site in sites}
    files.remove(*(name for name in there if name in done or names.is_part(name)))
