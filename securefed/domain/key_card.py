"""A study's key at a custodian: under which rules it was made, and the card that publishes it.

The registration is what the custodian's owner was told by the study's people, outside of this
program: whose sums are opened, of which sites, under which suites. Nothing of it comes from a peer.
The card is what sites and the coordinator seal for; it counts with the custodian's signature only.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from securefed.domain.canonical import prefixed
from securefed.domain.identifiers import (
    Digest,
    ExchangeKey,
    Name,
    PublicKey,
    Signature,
    SiteId,
    StudyId,
)
from securefed.domain.ledger import Verify
from securefed.domain.numbers import count
from securefed.domain.records import to_bytes
from securefed.domain.study import Suite
from securefed.domain.update import LARGEST_ROSTER, Roster, Seal
from securefed.errors import (
    ConfigInvalid,
    CustodyRefused,
    SealForeign,
    SignatureInvalid,
    SumIncomplete,
)

CARD_KIND = "key-card"
LEAST_QUORUM = 2


class Holds(StrEnum):
    """What a custodian has: the lattice key that opens sums, or the key of masks."""

    LATTICE = "lattice"
    MASK = "mask"

    @property
    def suites(self) -> tuple[Suite, ...]:
        """The suites that need such a custodian."""
        if self is Holds.LATTICE:
            return (Suite.BFV, Suite.BFV_MASK)
        return (Suite.BFV_MASK, Suite.MASK)


@dataclass(frozen=True, kw_only=True)
class KnownSite:
    """A site of a study and the key that it signs its updates with."""

    site: SiteId
    key: PublicKey


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What a custodian's owner lets a study do with its key."""

    study: StudyId
    coordinator: PublicKey
    sites: tuple[KnownSite, ...]
    quorum: int
    suites: tuple[Suite, ...]
    rounds: int
    parameters: int

    def __post_init__(self) -> None:
        names = [one.site for one in self.sites]
        if names != sorted(set(names)):
            raise ConfigInvalid("A study's sites are sorted by name, and each stands once")
        if len({self.coordinator, *(one.key for one in self.sites)}) != len(names) + 1:
            raise ConfigInvalid("Two sites, or a site and the coordinator, sign with the same key")
        count("sites", len(names), least=LEAST_QUORUM, most=LARGEST_ROSTER)
        count("quorum", self.quorum, least=LEAST_QUORUM, most=len(names))
        count("rounds", self.rounds, most=10**6)
        count("parameters", self.parameters)
        if not self.suites or list(self.suites) != sorted(set(self.suites)):
            raise ConfigInvalid("A study names its suites in order, and at least one")

    def expect(self, seal: Seal, roster: Roster) -> None:
        """Refuses a round that the owner did not agree to. Its signatures are checked elsewhere."""
        if seal.study != self.study:
            raise SealForeign("It is sealed for another study")
        if seal.suite not in self.suites:
            raise CustodyRefused(f"The suite {seal.suite} is not allowed for {self.study}")
        if seal.round > self.rounds:
            raise CustodyRefused(
                f"{self.study} has {self.rounds} rounds, and no round {seal.round}"
            )
        if seal.parameters > self.parameters:
            raise CustodyRefused(f"{self.study} has at most {self.parameters} parameters")
        if seal.roster != roster.digest or seal.contributors != len(roster.contributors):
            raise SealForeign("The roster is not the one that was sealed for")

    def expect_sites(self, seal: Seal, roster: Roster) -> None:
        """Refuses a roster with anybody else in it, or a quorum below the owner's."""
        known = {(one.site, one.key) for one in self.sites}
        for one in roster.contributors:
            if (one.site, one.key) not in known:
                raise SumIncomplete(f"{one.site} is no site of {self.study}, or has another key")
        if seal.quorum < self.quorum:
            raise SumIncomplete(f"A quorum of {seal.quorum} is below the study's {self.quorum}")

    def expect_nobody(self, roster: Roster) -> None:
        """Refuses a canary's roster that has a real site in it."""
        names = {one.site for one in self.sites}
        keys = {one.key for one in self.sites}
        for one in roster.contributors:
            if one.site in names or one.key in keys:
                raise SealForeign(f"{one.site} is a site of {self.study}, which no canary has")


@dataclass(frozen=True, kw_only=True)
class KeyCard:
    """One key of a study, from a round on, until a moment."""

    custodian: Name
    signer: PublicKey
    study: StudyId
    number: int
    first_round: int
    lattice: Digest | None
    mask: ExchangeKey | None
    until: datetime

    def __post_init__(self) -> None:
        count("key number", self.number)
        count("first round", self.first_round)
        if (self.lattice is None) == (self.mask is None):
            raise ConfigInvalid("A key card is of a lattice key or of a key for masks")

    @property
    def holds(self) -> Holds:
        """Which kind of key it is."""
        return Holds.MASK if self.lattice is None else Holds.LATTICE

    @property
    def key(self) -> Digest | ExchangeKey:
        """The key as seals name it."""
        for found in (self.lattice, self.mask):
            if found is not None:
                return found
        raise ConfigInvalid("A key card without a key")

    @property
    def signed(self) -> bytes:
        """What the custodian signs."""
        return prefixed(CARD_KIND, to_bytes(self))

    def expect(self, seal: Seal, now: datetime) -> None:
        """Refuses a round that is not sealed for this key, or too late."""
        named = (seal.key,) if self.holds is Holds.LATTICE else seal.custodians
        if self.key not in named:
            raise SealForeign(f"Round {seal.round} is not sealed for key {self.number}")
        if now > self.until:
            raise CustodyRefused(
                f"Key {self.number} of {self.study} ended at {self.until:%Y-%m-%d}"
            )


@dataclass(frozen=True, kw_only=True)
class SignedCard:
    """A key card with the custodian's signature: what is published."""

    card: KeyCard
    signature: Signature

    def check(self, signer: PublicKey, verify: Verify) -> KeyCard:
        """The card, if the custodian with this key signed it."""
        if self.card.signer != signer or not verify(signer, self.card.signed, self.signature):
            raise SignatureInvalid(f"The key card of {self.card.study} is not the custodian's")
        return self.card
