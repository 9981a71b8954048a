"""An update on its way from a site to the sum of a round, as descriptions of it.

A `PrivatizedUpdate` is clipped and noised; a `SealedUpdate` is one that also was encrypted, and a
`SealedSum` is the sum of a whole roster's. They hold names, digests, counts and norms: never a
weight, a key or a ciphertext. A `Seal` is what all sites of an attempt seal alike. Everybody makes
it from the study and the roster and compares; nothing of it is ever taken from a peer.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from securefed.domain.canonical import prefixed
from securefed.domain.identifiers import (
    Digest,
    ExchangeKey,
    PublicKey,
    Signature,
    SiteId,
    StudyId,
)
from securefed.domain.ledger import Verify
from securefed.domain.numbers import count, not_negative, positive
from securefed.domain.records import record_digest, to_bytes
from securefed.domain.study import MOST_TALLY, PRECISIONS, Suite
from securefed.errors import ConfigInvalid, NotFound, SealForeign, SealInvalid, SumIncomplete

ROSTER_KIND = "roster"
SEAL_KIND = "seal"
UPDATE_KIND = "sealed-update"
SUM_KIND = "sealed-sum"

LARGEST_ROSTER = 1000


@dataclass(frozen=True, kw_only=True)
class PrivatizedUpdate:
    """A clipped and noised update: the only thing that can be sealed."""

    layout: Digest
    parameters: int
    values: Digest
    norm: Decimal

    def __post_init__(self) -> None:
        count("parameters", self.parameters)
        not_negative("norm", self.norm)


@dataclass(frozen=True, kw_only=True)
class Contributor:
    """A site that may add to a round, the key that signs for it, and its public weight."""

    site: SiteId
    key: PublicKey
    weight: int

    def __post_init__(self) -> None:
        count("weight", self.weight)


@dataclass(frozen=True, kw_only=True)
class Roster:
    """Every site that may add to an attempt at a round, as it was announced."""

    contributors: tuple[Contributor, ...]

    def __post_init__(self) -> None:
        names = [one.site for one in self.contributors]
        if not names or names != sorted(set(names)):
            raise ConfigInvalid("A roster's sites are sorted by name, and each stands once")
        count("sites in a roster", len(names), most=LARGEST_ROSTER)
        if len({one.key for one in self.contributors}) != len(names):
            raise ConfigInvalid("Two sites of a roster sign with the same key")

    @cached_property
    def digest(self) -> Digest:
        """What every site of the round signs."""
        return record_digest(ROSTER_KIND, self)

    @cached_property
    def heaviest(self) -> int:
        """The largest weight: the other sites scale their values down to it."""
        return max(one.weight for one in self.contributors)

    def contributor(self, site: SiteId) -> Contributor:
        """One site's line; a roster that does not name the site has none."""
        if site not in self._by_site:
            raise NotFound(f"The roster does not name the site {site}")
        return self._by_site[site]

    @cached_property
    def _by_site(self) -> dict[SiteId, Contributor]:
        return {one.site: one for one in self.contributors}


@dataclass(frozen=True, kw_only=True)
class Seal:
    """What all sites of one attempt at a round seal alike."""

    study: StudyId
    round: int
    attempt: int
    roster: Digest
    contributors: int
    quorum: int
    suite: Suite
    bits: int
    key: Digest | None
    custodians: tuple[ExchangeKey, ...]
    layout: Digest
    parameters: int
    tally: int
    bound: Decimal
    reach: Decimal

    def __post_init__(self) -> None:
        count("round", self.round)
        count("attempt", self.attempt)
        count("contributors", self.contributors, most=LARGEST_ROSTER)
        count("quorum", self.quorum, most=self.contributors)
        count("parameters", self.parameters)
        count("numbers of a tally", self.tally, least=0, most=MOST_TALLY)
        positive("bound", self.bound)
        positive("reach", self.reach)
        if self.bits not in PRECISIONS:
            raise ConfigInvalid(f"{self.bits} bits a value are not offered: 8, 12 and 16 are")
        self._check_keys()

    @cached_property
    def digest(self) -> Digest:
        """What a sealed update and a sealed sum name."""
        return record_digest(SEAL_KIND, self)

    @property
    def encrypted(self) -> bool:
        """Whether a custodian's lattice key is needed to open."""
        return self.suite in (Suite.BFV, Suite.BFV_MASK)

    @property
    def masked(self) -> bool:
        """Whether the masks of a custodian are needed to open."""
        return self.suite in (Suite.MASK, Suite.BFV_MASK)

    def expect(self, found: "Seal") -> None:
        """Refuses another seal, by the names of the fields that differ."""
        names = [one.name for one in dataclasses.fields(self)]
        other = [name for name in names if getattr(found, name) != getattr(self, name)]
        if other:
            raise SealForeign(f"It is sealed for another {', '.join(other)}")

    def _check_keys(self) -> None:
        if self.suite is Suite.NONE:
            raise ConfigInvalid("Nothing is sealed under the suite none")
        if self.encrypted != (self.key is not None):
            raise ConfigInvalid(f"The suite {self.suite} and its encryption key do not agree")
        if self.masked != bool(self.custodians):
            raise ConfigInvalid(f"The suite {self.suite} and its mask custodians do not agree")
        if len(set(self.custodians)) != len(self.custodians):
            raise ConfigInvalid("A mask custodian stands twice")


@dataclass(frozen=True, kw_only=True)
class SealedUpdate:
    """One site's sealed file: what it seals, its own key for the masks, the digest of its body."""

    seal: Digest
    site: SiteId
    once: ExchangeKey | None
    chunks: int
    chunk_bytes: int
    body: Digest
    saturated: int

    def __post_init__(self) -> None:
        count("chunks", self.chunks)
        count("bytes of a chunk", self.chunk_bytes)
        count("saturated values", self.saturated, least=0)

    @property
    def signed(self) -> bytes:
        """What the site signs."""
        return prefixed(UPDATE_KIND, to_bytes(self))


@dataclass(frozen=True, kw_only=True)
class SignedUpdate:
    """A site's word for its sealed file. It is small, and all that a custodian needs of it."""

    update: SealedUpdate
    signature: Signature

    def check(self, seal: Seal, roster: Roster, verify: Verify) -> None:
        """Refuses what is not by a site of the roster, for this seal."""
        if seal.roster != roster.digest or seal.contributors != len(roster.contributors):
            raise SealForeign("The roster is not the one that was sealed for")
        try:
            contributor = roster.contributor(self.update.site)
        except NotFound as error:
            raise SealForeign(error.what) from error
        if self.update.seal != seal.digest:
            raise SealForeign(f"The update of {self.update.site} is sealed for another round")
        if (self.update.once is not None) != seal.masked:
            raise SealInvalid(f"The update of {self.update.site} does not fit its suite")
        if self.update.saturated > seal.parameters:
            raise SealInvalid(f"{self.update.site} counts more saturated values than there are")
        if not verify(contributor.key, self.update.signed, self.signature):
            raise SealInvalid(f"The signature of {self.update.site} does not match its update")


@dataclass(frozen=True, kw_only=True)
class SealedSum:
    """The sum of sealed updates, with every contributor's signed word: what custodians are shown.

    That the body is the sum of these updates is the coordinator's word. Under the masks a wrong sum
    opens to noise; under `bfv` alone the custodian must believe the coordinator."""

    seal: Digest
    updates: tuple[SignedUpdate, ...]
    chunks: int
    chunk_bytes: int
    body: Digest

    def __post_init__(self) -> None:
        count("chunks", self.chunks)
        count("bytes of a chunk", self.chunk_bytes)

    @property
    def signed(self) -> bytes:
        """What the coordinator signs, and a custodian logs."""
        return prefixed(SUM_KIND, to_bytes(self))

    @property
    def sites(self) -> tuple[SiteId, ...]:
        """Who contributed."""
        return tuple(one.update.site for one in self.updates)

    def weight(self, roster: Roster) -> int:
        """The contributors' weights together: what the sum is divided by."""
        return sum(roster.contributor(site).weight for site in self.sites)

    def check(self, seal: Seal, roster: Roster, verify: Verify) -> None:
        """Refuses a sum that is not complete: what a custodian asks before it acts."""
        if self.seal != seal.digest:
            raise SealForeign("The sum is sealed for another round")
        if list(self.sites) != sorted(set(self.sites)):
            raise SumIncomplete("A site stands twice in the sum, or they are not sorted")
        if len(self.sites) < seal.quorum:
            raise SumIncomplete(f"{len(self.sites)} sites are below the quorum of {seal.quorum}")
        for one in self._checked_shapes():
            one.check(seal, roster, verify)

    def _checked_shapes(self) -> Iterator[SignedUpdate]:
        for one in self.updates:
            if (one.update.chunks, one.update.chunk_bytes) != (self.chunks, self.chunk_bytes):
                raise SealInvalid(f"The update of {one.update.site} has another shape than the sum")
            yield one
