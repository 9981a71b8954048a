"""A custodian as the coordinator calls it, and the canary that shows before a round that it opens.

A canary is a sum of made-up sites over the round's own suite and keys. Promises that nobody takes
one for a round: its layout is one that no site ever seals for, and it is one chunk long. What a
canary opens to is not given out. A custodian says whether it is what the coordinator expects, so
that a site's update, put in a canary's place, stays closed.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol, TypeAlias

import numpy as np

from securefed.aggregation.chunks import Words
from securefed.aggregation.fields import Packing
from securefed.aggregation.grid import Values
from securefed.aggregation.packing import modulus_mask
from securefed.aggregation.shape import shape_of
from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Digest, ExchangeKey
from securefed.domain.update import Roster, Seal
from securefed.errors import SealForeign

CANARY_LAYOUT = digest_of("canary-layout", b"")
CANARY_VALUES = 4096
CANARY_KIND = "canary-words"
# What a custodian holds, as a seal names it: the lattice key's digest, or its key for masks.
Held: TypeAlias = Digest | ExchangeKey


class Custodian(Protocol):
    """One custodian, in this process or behind HTTP. It checks all that it is given by itself."""

    @property
    def holds(self) -> Held:
        """Which key of a seal it has."""
        ...

    def open(self, seal: Seal, roster: Roster, file: BinaryIO) -> Iterator[Words]:
        """Opens a round's sum, once; logs it as the opening of the round.

        Chunk by chunk: under the lattice key the words of the sum, masked where the suite masks;
        under a key for masks the sum of the contributors' masks."""
        ...

    def prove(self, seal: Seal, roster: Roster, file: BinaryIO, expected: Digest) -> bool:
        """Whether a canary's sum opens to words of this `canary_digest`; logs it as a canary."""
        ...


def canary_seal(seal: Seal, roster: Roster) -> Seal:
    """The seal of a round's canary, for a roster of made-up sites; all of them must contribute."""
    return dataclasses.replace(
        seal,
        roster=roster.digest,
        contributors=len(roster.contributors),
        quorum=len(roster.contributors),
        layout=CANARY_LAYOUT,
        parameters=min(CANARY_VALUES, seal.parameters),
        tally=0,
    )


def expect_canary(seal: Seal) -> None:
    """Refuses to treat a round as a canary."""
    shape = shape_of(seal)
    large = seal.parameters > CANARY_VALUES or shape.chunks != 1 or seal.tally
    if seal.layout != CANARY_LAYOUT or large:
        raise SealForeign("The sum is a round's and no canary")


def expect_round(seal: Seal) -> None:
    """Refuses to treat a canary as a round."""
    if seal.layout == CANARY_LAYOUT:
        raise SealForeign("The sum is a canary and no round's")


def canary_values(seal: Seal, number: int) -> Values:
    """What a made-up site seals: from one end of the range to the other, from its own place on."""
    reach = float(seal.reach)
    return np.roll(np.linspace(-reach, reach, seal.parameters, dtype=np.float32), number)


def canary_digest(chunks: Iterable[Words], packing: Packing) -> Digest:
    """The digest of opened words, or of summed masks, of which only the modulus's bits count."""
    kept = [(one & modulus_mask(packing)).astype("<u8") for one in chunks]
    return digest_of(CANARY_KIND, np.concatenate(kept).tobytes())
