"""The parties of a round under each suite, so that one test can play it whole.

Sites seal to files, the coordinator checks and adds, custodians open. Each holds its own keys and
nothing of another's, as in the product.
"""

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.adapters.masking.exchange import (
    MaskKey,
    custodian_masks,
    new_mask_key,
    site_masks,
)
from securefed.adapters.tenseal_sealing.adding import BfvAdder
from securefed.adapters.tenseal_sealing.bfv import BfvOpener, BfvSealer
from securefed.adapters.tenseal_sealing.keys import OpeningKey, new_opening_key
from securefed.aggregation.chunks import ChunkAdder, ChunkOpener, ChunkSealer, Words
from securefed.aggregation.grid import Floats, Values
from securefed.aggregation.masked import MaskedSealer, SummedMasks, unmasked
from securefed.aggregation.plain_words import PlainWords, WordAdder
from securefed.aggregation.sealed_file import (
    SignedSum,
    check_sum,
    check_update,
    sum_header,
    update_header,
    written_sum,
    written_update,
)
from securefed.aggregation.shape import Shape, shape_of
from securefed.aggregation.values import Draw, PackedUpdate, opened_average, site_scaling
from securefed.domain.identifiers import Digest
from securefed.domain.study import Suite
from securefed.domain.update import Roster, Seal, SealedSum, SignedUpdate
from tests.aggregation.round_of_sites import closing, privatized, seal, site

COORDINATOR = Ed25519Signer(b"c" * 32)


@cache
def opening_key() -> OpeningKey:
    """The lattice custodian's key, made once."""
    return new_opening_key()


def mask_key(number: int) -> MaskKey:
    """A mask custodian's key, the same each time."""
    return MaskKey.from_secret_bytes(hashlib.sha256(b"test custodian %d" % number).digest())


@dataclass(frozen=True, kw_only=True)
class Play:
    """A round of a suite."""

    seal: Seal
    roster: Roster
    mask_keys: tuple[MaskKey, ...]

    @property
    def shape(self) -> Shape:
        """Its chunks."""
        return shape_of(self.seal)

    def sealer(self) -> ChunkSealer:
        """What a site seals with, below the masks."""
        if self.seal.encrypted:
            return BfvSealer(opening_key().public, self.shape)
        return PlainWords(self.shape)

    def adder(self) -> ChunkAdder:
        """What the coordinator adds with."""
        return BfvAdder(self.shape) if self.seal.encrypted else WordAdder(self.shape)

    def opener(self) -> ChunkOpener:
        """What the lattice custodian opens with."""
        if self.seal.encrypted:
            return BfvOpener(opening_key(), self.shape)
        return PlainWords(self.shape)

    def sealed(self, number: int, values: Values, draw: Draw | None) -> bytes:
        """A site's file."""
        update, inner = privatized(values), self.sealer()
        scaling = site_scaling(update, self.seal, self.roster, site(number))
        packed = PackedUpdate(update, values, self.seal, scaling, draw)
        own = new_mask_key() if self.seal.masked else None
        if own is not None:
            masks = site_masks(own, self.seal, site(number), self.shape)
            inner = MaskedSealer(inner, masks, self.shape.packing)
        payloads = (inner.seal(index, words) for index, words in enumerate(packed.words()))
        header = update_header(self.seal, site(number), own and own.public)
        return b"".join(
            written_update(header, payloads, closing(number, header, lambda: packed.saturated))
        )

    def summed(self, files: Iterable[bytes]) -> bytes:
        """The coordinator's file of the sum."""
        adder, updates = self.adder(), []
        for data in files:
            file = io.BytesIO(data)
            checked = check_update(file, self.seal, self.roster, verify, adder.check)
            for index, payload in checked.chunks(file):
                adder.add(index, payload)
            updates.append(checked.signed)
        totals = (adder.total(index) for index in range(self.shape.chunks))
        return written_total(self.seal, totals, tuple(updates))

    def opened(self, data: bytes) -> Floats:
        """The average that the custodians open together."""
        file, opener = io.BytesIO(data), self.opener()
        checked = check_sum(
            file, self.seal, self.roster, COORDINATOR.key, verify, self.adder().check
        )
        found = checked.signed.sum
        parts = []
        for index, payload in checked.chunks(file):
            words = opener.open(index, payload)
            sums = [one.words(index, words.size) for one in self.mask_sums(found.updates)]
            words = unmasked(words, sums, self.shape.packing)
            parts.append(opened_average(words, index, self.seal, self.roster, found))
        return np.concatenate(parts)

    def mask_sums(self, updates: Sequence[SignedUpdate]) -> list[SummedMasks]:
        """What each mask custodian gives out."""
        return [
            SummedMasks(
                [custodian_masks(key, self.seal, one.update, self.shape) for one in updates]
            )
            for key in self.mask_keys
        ]


def written_total(seal: Seal, totals: Iterable[bytes], updates: tuple[SignedUpdate, ...]) -> bytes:
    """The file of a sum, with the coordinator's signature."""
    header = sum_header(seal)

    def close(body: Digest) -> SignedSum:
        made = SealedSum(
            seal=seal.digest,
            updates=updates,
            chunks=header.chunks,
            chunk_bytes=header.chunk_bytes,
            body=body,
        )
        return SignedSum(sum=made, signature=COORDINATOR.sign(made.signed))

    return b"".join(written_sum(header, totals, close))


def play(announced: Roster, suite: Suite, *, custodians: int = 1, **changes: object) -> Play:
    """A round of a suite with this many mask custodians."""
    keys = tuple(mask_key(number) for number in range(custodians if suite is not Suite.BFV else 0))
    made = seal(
        announced,
        suite=suite,
        key=opening_key().public.digest,
        custodians=tuple(key.public for key in keys),
        **changes,
    )
    return Play(seal=made, roster=announced, mask_keys=keys)


def words_of(shape: Shape, index: int, seed: int) -> Words:
    """Any words that fit into the fields of a contributor."""
    generator = np.random.default_rng([seed, index])
    words = np.zeros(shape.slots(index), np.uint64)
    for field in range(shape.packing.fields):
        levels = generator.integers(0, shape.packing.highest + 1, words.size, dtype=np.uint64)
        words |= levels << np.uint64(field * shape.packing.width)
    return words
