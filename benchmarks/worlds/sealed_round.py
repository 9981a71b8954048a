"""A round of sealed updates as its parties play it, in one process, for measuring its parts.

Sites seal values to a file's bytes; the coordinator checks, adds and signs; custodians open. Keys,
rosters and values are made up. Promises the calls that the parties make and nothing less: rounding
by secure chance, masks with new keys, digests, signatures, every check. Files are bytes in memory.
"""

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import numpy as np

from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.adapters.masking.exchange import (
    custodian_masks,
    new_mask_key,
    site_masks,
)
from securefed.adapters.masking.stream import SecureChances
from securefed.adapters.tenseal_sealing.adding import BfvAdder
from securefed.adapters.tenseal_sealing.bfv import BfvOpener, BfvSealer
from securefed.adapters.tenseal_sealing.keys import new_opening_key
from securefed.aggregation.chunks import ChunkAdder, ChunkOpener, ChunkSealer, Words
from securefed.aggregation.grid import Floats, Values, average_step
from securefed.aggregation.masked import MaskedSealer, SummedMasks, unmasked
from securefed.aggregation.plain_words import PlainWords, WordAdder
from securefed.aggregation.sealed_file import (
    SignedSum,
    check_sum,
    check_update,
    sum_header,
    update_header,
    update_of,
    written_sum,
    written_update,
)
from securefed.aggregation.shape import Shape, grid_of, shape_of
from securefed.aggregation.values import Draw, PackedUpdate, opened_average, site_scaling
from securefed.domain.identifiers import Digest, SiteId, StudyId
from securefed.domain.study import Suite
from securefed.domain.update import (
    Contributor,
    PrivatizedUpdate,
    Roster,
    Seal,
    SealedSum,
    SealedUpdate,
    SignedUpdate,
)

_LAYOUT = Digest("sha256:" + "1" * 64)
_BOUND = Decimal(100)
_REACH = Decimal("0.05")
_SPREAD = 0.01
_COORDINATOR = Ed25519Signer(b"c" * 32)
_OPENING = cache(new_opening_key)
_MASKING = cache(new_mask_key)


@dataclass(frozen=True, kw_only=True)
class SealedRound:
    """A round of a suite over so many sites of one weight and so many values."""

    seal: Seal
    roster: Roster

    @property
    def shape(self) -> Shape:
        """Its chunks."""
        return shape_of(self.seal)

    @property
    def step(self) -> float:
        """One quantisation step of the average."""
        sites = self.seal.contributors
        return average_step(grid_of(self.seal), contributors=sites, heaviest=1, weight=sites)

    def sealer(self) -> ChunkSealer:
        """What a site seals with, below the masks."""
        if self.seal.encrypted:
            return BfvSealer(_OPENING().public, self.shape)
        return PlainWords(self.shape)

    def adder(self) -> ChunkAdder:
        """What the coordinator adds with."""
        return BfvAdder(self.shape) if self.seal.encrypted else WordAdder(self.shape)

    def packed(
        self, number: int, update: PrivatizedUpdate, values: Values, draw: Draw | None
    ) -> PackedUpdate:
        """A site's words, rounded by chance or, without it, to the nearest."""
        scaling = site_scaling(update, self.seal, self.roster, _site(number))
        return PackedUpdate(update, values, self.seal, scaling, draw)

    def sealed(
        self, number: int, update: PrivatizedUpdate, values: Values, *, by_chance: bool = True
    ) -> bytes:
        """A site's file, from values that are clipped and noised."""
        site, sealer = _site(number), self.sealer()
        packed = self.packed(number, update, values, SecureChances() if by_chance else None)
        own = None
        if self.seal.masked:
            own = new_mask_key()
            masks = site_masks(own, self.seal, site, self.shape)
            sealer = MaskedSealer(sealer, masks, self.shape.packing)
        payloads = (sealer.seal(index, words) for index, words in enumerate(packed.words()))
        header = update_header(self.seal, site, own.public if own else None)

        def close(body: Digest) -> SignedUpdate:
            return _signed(number, update_of(header, body, packed.saturated))

        return _file(written_update(header, payloads, close))

    def under_another_name(self, number: int, data: bytes) -> bytes:
        """The payloads of a file, unmasked, as another site sends them: digested, signed anew."""
        file = io.BytesIO(data)
        checked = check_update(file, self.seal, self.roster, verify, self.adder().check)
        header = update_header(self.seal, _site(number), None)
        saturated = checked.signed.update.saturated

        def close(body: Digest) -> SignedUpdate:
            return _signed(number, update_of(header, body, saturated))

        payloads = (payload for _, payload in checked.chunks(file))
        return _file(written_update(header, payloads, close))

    def summed(self, files: Iterable[bytes]) -> bytes:
        """The coordinator's file of the sum, after every check of every file."""
        adder, updates = self.adder(), []
        for data in files:
            file = io.BytesIO(data)
            checked = check_update(file, self.seal, self.roster, verify, adder.check)
            for index, payload in checked.chunks(file):
                adder.add(index, payload)
            updates.append(checked.signed)
        header = sum_header(self.seal)

        def close(body: Digest) -> SignedSum:
            made = SealedSum(
                seal=self.seal.digest,
                updates=tuple(updates),
                chunks=header.chunks,
                chunk_bytes=header.chunk_bytes,
                body=body,
            )
            return SignedSum(sum=made, signature=_COORDINATOR.sign(made.signed))

        totals = (adder.total(index) for index in range(self.shape.chunks))
        return _file(written_sum(header, totals, close))

    def opened(self, data: bytes) -> tuple[list[Words], Floats]:
        """The sum's words and the average, as all custodians together open them."""
        file, opener = io.BytesIO(data), self._opener()
        check = self.adder().check
        checked = check_sum(file, self.seal, self.roster, _COORDINATOR.key, verify, check)
        found, masks = checked.signed.sum, self._masks(checked.signed.sum)
        opened, parts = [], []
        for index, payload in checked.chunks(file):
            words = opener.open(index, payload)
            sums = [masks.words(index, words.size)]
            opened.append(unmasked(words, sums, self.shape.packing))
            parts.append(opened_average(opened[-1], index, self.seal, self.roster, found))
        return opened, np.concatenate(parts)

    def _opener(self) -> ChunkOpener:
        if self.seal.encrypted:
            return BfvOpener(_OPENING(), self.shape)
        return PlainWords(self.shape)

    def _masks(self, found: SealedSum) -> SummedMasks:
        updates = found.updates if self.seal.masked else ()
        key = _MASKING()
        return SummedMasks(
            [custodian_masks(key, self.seal, one.update, self.shape) for one in updates]
        )


def sealed_round(
    suite: Suite,
    *,
    bits: int,
    sites: int,
    parameters: int,
    weights: Sequence[int] | None = None,
    bound: Decimal = _BOUND,
    reach: Decimal = _REACH,
) -> SealedRound:
    """A round with one custodian for what the suite needs; without weights all sites weigh one."""
    masked = suite is not Suite.BFV
    roster = Roster(
        contributors=tuple(
            Contributor(site=_site(number), key=_signer(number).key, weight=weight)
            for number, weight in enumerate(weights or (1,) * sites)
        )
    )
    seal = Seal(
        study=StudyId("benchmark"),
        round=1,
        attempt=1,
        roster=roster.digest,
        contributors=sites,
        quorum=1,
        suite=suite,
        bits=bits,
        key=None if suite is Suite.MASK else _OPENING().public.digest,
        custodians=(_MASKING().public,) if masked else (),
        layout=_LAYOUT,
        parameters=parameters,
        tally=0,
        bound=bound,
        reach=reach,
    )
    return SealedRound(seal=seal, roster=roster)


def values_of(seed: int, parameters: int) -> Values:
    """Values as a clipped and noised update has them."""
    chance = np.random.default_rng(seed)
    return chance.normal(0, _SPREAD, parameters).clip(-0.049, 0.049).astype(np.float32)


def described(values: Values) -> PrivatizedUpdate:
    """What the training says of them."""
    norm = float(np.linalg.norm(values.astype(np.float64)))
    return PrivatizedUpdate(
        layout=_LAYOUT,
        parameters=values.size,
        values=Digest("sha256:" + hashlib.sha256(values.tobytes()).hexdigest()),
        norm=Decimal(repr(norm)),
    )


def _site(number: int) -> SiteId:
    return SiteId(f"site-{number:04}")


@cache
def _signer(number: int) -> Ed25519Signer:
    return Ed25519Signer(hashlib.sha256(b"benchmark site %d" % number).digest())


def _signed(number: int, update: SealedUpdate) -> SignedUpdate:
    return SignedUpdate(update=update, signature=_signer(number).sign(update.signed))


def _file(parts: Iterable[bytes]) -> bytes:
    return b"".join(parts)
