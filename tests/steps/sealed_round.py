"""A coordinator's round with everything around it, so that one test can play it whole or spoil it.

The custodians are in this process and keep to their protocol: they check the sum, and of a canary
they say only whether it is the expected one.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.adapters.masking.exchange import (
    MaskKey,
    custodian_masks,
    new_mask_key,
    site_masks,
)
from securefed.adapters.memory_round import MemoryFiles, MemorySecrets, MemoryWorkers
from securefed.adapters.tenseal_sealing.adding import BfvAdder
from securefed.adapters.tenseal_sealing.bfv import BfvOpener, BfvSealer
from securefed.adapters.tenseal_sealing.keys import OpeningKey
from securefed.aggregation.adding import NewAdder
from securefed.aggregation.chunks import Words
from securefed.aggregation.grid import Floats, Values
from securefed.aggregation.masked import SummedMasks, unmasked
from securefed.aggregation.opening import Custodian, Held, canary_digest
from securefed.aggregation.plain_words import PlainWords, WordAdder
from securefed.aggregation.sealed_file import CheckedSum, check_sum
from securefed.aggregation.shape import shape_of
from securefed.aggregation.values import NO_TALLY, opened_average
from securefed.domain.collection import Announced
from securefed.domain.identifiers import Digest, SiteId
from securefed.domain.study import Suite
from securefed.domain.update import Roster, Seal
from securefed.ports import RoundFiles, Workers
from securefed.steps.collect_updates import Collecting
from securefed.steps.make_canary import Sealing
from securefed.steps.prove_protection import Tools
from securefed.steps.seal_update import SiteSealer, sealed_parts
from tests.adapters.sealing.parties import COORDINATOR, Play, opening_key, play
from tests.aggregation.round_of_sites import normals, privatized, roster, signer, site


def new_sealer(seal: Seal, name: SiteId) -> SiteSealer:
    """What a site seals with."""
    shape = shape_of(seal)
    inner = BfvSealer(opening_key().public, shape) if seal.encrypted else PlainWords(shape)
    if not seal.masked:
        return SiteSealer(inner=inner, masks=(), once=None)
    own = new_mask_key()
    return SiteSealer(inner=inner, masks=site_masks(own, seal, name, shape), once=own.public)


def adder_of(seal: Seal) -> NewAdder:
    """What the coordinator adds with."""
    return BfvAdder if seal.encrypted else WordAdder


class _Signers:
    """New signing keys, one after the other."""

    def __init__(self) -> None:
        self._made = 0

    def __call__(self) -> Ed25519Signer:
        self._made += 1
        return Ed25519Signer(hashlib.sha256(b"canary %d" % self._made).digest())


@dataclass
class InProcess:
    """A custodian that checks a sum, and opens it or compares it."""

    key: OpeningKey | MaskKey
    proved: list[Seal] = field(default_factory=list)

    @property
    def holds(self) -> Held:
        return self.key.public if isinstance(self.key, MaskKey) else self.key.public.digest

    def open(self, seal: Seal, roster: Roster, file: BinaryIO) -> Iterator[Words]:
        checked = check_sum(
            file, seal, roster, COORDINATOR.key, verify, adder_of(seal)(shape_of(seal)).check
        )
        return self._words(seal, checked, file)

    def prove(self, seal: Seal, roster: Roster, file: BinaryIO, expected: Digest) -> bool:
        self.proved.append(seal)
        return canary_digest(self.open(seal, roster, file), shape_of(seal).packing) == expected

    def _words(self, seal: Seal, checked: CheckedSum, file: BinaryIO) -> Iterator[Words]:
        shape = shape_of(seal)
        if isinstance(self.key, MaskKey):
            updates = checked.signed.sum.updates
            masks = [custodian_masks(self.key, seal, one.update, shape) for one in updates]
            for index in range(shape.chunks):
                yield SummedMasks(masks).words(index, shape.slots(index))
            return
        opener = BfvOpener(self.key, shape)
        for index, payload in checked.chunks(file):
            yield opener.open(index, payload)


@dataclass
class SealedRound:
    """An attempt with its parties; files and workers as the test wants them."""

    play: Play
    files: RoundFiles
    workers: Workers = field(default_factory=MemoryWorkers)

    @property
    def announced(self) -> Announced:
        return Announced(seal=self.play.seal, roster=self.play.roster)

    @property
    def new_adder(self) -> NewAdder:
        return adder_of(self.play.seal)

    @property
    def custodians(self) -> list[Custodian]:
        keys = [InProcess(one) for one in self.play.mask_keys]
        return [*keys, InProcess(opening_key())] if self.play.seal.encrypted else [*keys]

    def tools(self, *held: str) -> Tools:
        sealing = Sealing(
            new_sealer=new_sealer,
            new_adder=self.new_adder,
            new_signer=_Signers(),
            verify=verify,
        )
        return Tools(
            sealing=sealing,
            custodians=self.custodians,
            secrets=MemorySecrets(*held),
            signer=COORDINATOR,
        )

    def collecting(self) -> Collecting:
        return Collecting(self.files, self.announced, verify, self.new_adder)

    def values(self, number: int) -> Values:
        return normals(number, self.play.seal.parameters)

    def sealed(self, number: int, values: Values | None = None, tally: Floats = NO_TALLY) -> bytes:
        """A site's file, rounded to the nearest."""
        found = self.values(number) if values is None else values
        return b"".join(
            sealed_parts(
                privatized(found),
                found,
                self.announced,
                site=site(number),
                signer=signer(number),
                new_sealer=new_sealer,
                draw=None,
                tally=tally,
            )
        )

    def opened(self, file: BinaryIO) -> Floats:
        """The average that the custodians open together."""
        seal, announced = self.play.seal, self.play.roster
        shape = shape_of(seal)
        with file:
            content = file.read()
        checked = check_sum(
            io.BytesIO(content),
            seal,
            announced,
            COORDINATOR.key,
            verify,
            self.new_adder(shape).check,
        )
        given = {
            str(one.holds): list(one.open(seal, announced, io.BytesIO(content)))
            for one in self.custodians
        }
        parts = []
        for index, payload in checked.chunks(io.BytesIO(content)):
            words = PlainWords(shape).open(index, payload) if not seal.encrypted else None
            words = given[str(seal.key)][index] if words is None else words
            masks = [given[str(one)][index] for one in seal.custodians]
            words = unmasked(words, masks, shape.packing)
            parts.append(opened_average(words, index, seal, announced, checked.signed.sum))
        return np.concatenate(parts)


def sealed_round(
    sites: int = 4, suite: Suite = Suite.MASK, files: RoundFiles | None = None, **changes: object
) -> SealedRound:
    """A round of so many sites."""
    return SealedRound(
        play=play(roster(sites), suite, **changes),
        files=MemoryFiles() if files is None else files,
    )
