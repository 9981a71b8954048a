"""Updates of many simulated sites, to measure what a coordinator needs for a large roster.

A few sites' chunks are really encrypted; the others send the same chunks under their own header,
digests and signature. The coordinator cannot tell: it reads, checks and adds each file in full. The
sum of such a round means nothing and is not opened.
"""

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from itertools import cycle

import numpy as np

from securefed.adapters.ed25519_keys import Ed25519Signer
from securefed.adapters.masking.exchange import new_mask_key
from securefed.adapters.tenseal_sealing.bfv import BfvSealer
from securefed.adapters.tenseal_sealing.keys import EncryptionKey, new_opening_key
from securefed.aggregation.chunks import ChunkSealer
from securefed.aggregation.plain_words import PlainWords
from securefed.aggregation.sealed_file import update_header, written_update
from securefed.aggregation.shape import shape_of
from securefed.domain.collection import Announced
from securefed.domain.identifiers import Digest, SiteId, StudyId
from securefed.domain.study import Suite
from securefed.domain.update import Contributor, Roster, Seal
from securefed.steps.seal_update import closing

_DIFFERENT = 3
_LAYOUT = Digest("sha256:" + "1" * 64)


class ManySites:
    """An announced attempt of so many sites, and their files, made one at a time."""

    def __init__(self, suite: Suite, *, sites: int, parameters: int, bits: int = 12) -> None:
        self._signers = [
            Ed25519Signer(hashlib.sha256(b"simulated site %d" % number).digest())
            for number in range(sites)
        ]
        roster = Roster(
            contributors=tuple(
                Contributor(site=SiteId(f"site-{number:04}"), key=signer.key, weight=1)
                for number, signer in enumerate(self._signers)
            )
        )
        key = new_opening_key().public
        self.announced = Announced(seal=_seal(roster, suite, parameters, bits, key), roster=roster)
        self._once = new_mask_key().public if self.announced.seal.masked else None
        self._payloads = [self._sealed(key, seed) for seed in range(_DIFFERENT)]

    def files(self) -> Iterator[tuple[SiteId, Iterator[bytes]]]:
        """Each site with the parts of its file."""
        sites = zip(self.announced.sites, self._signers, cycle(self._payloads), strict=False)
        for site, signer, payloads in sites:
            header = update_header(self.announced.seal, site, self._once)
            yield site, written_update(header, payloads, closing(header, lambda: 0, signer))

    def _sealed(self, key: EncryptionKey, seed: int) -> list[bytes]:
        shape = shape_of(self.announced.seal)
        encrypted = self.announced.seal.encrypted
        sealer: ChunkSealer = BfvSealer(key, shape) if encrypted else PlainWords(shape)
        chance = np.random.default_rng(seed)
        highest = 1 << shape.packing.modulus_bits - 1
        return [
            sealer.seal(index, chance.integers(0, highest, shape.slots(index), dtype=np.uint64))
            for index in range(shape.chunks)
        ]


def _seal(roster: Roster, suite: Suite, parameters: int, bits: int, key: EncryptionKey) -> Seal:
    masked = suite in (Suite.MASK, Suite.BFV_MASK)
    return Seal(
        study=StudyId("many-sites"),
        round=1,
        attempt=1,
        roster=roster.digest,
        contributors=len(roster.contributors),
        quorum=len(roster.contributors),
        suite=suite,
        bits=bits,
        key=None if suite is Suite.MASK else key.digest,
        custodians=(new_mask_key().public,) if masked else (),
        layout=_LAYOUT,
        parameters=parameters,
        bound=Decimal(1),
        reach=Decimal("0.01"),
    )
