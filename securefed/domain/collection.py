"""The collection of one attempt's updates: who delivered, who was refused and why, what is closed.

Pure and frozen: each act checks first and returns the next collection. Promises that a site counts
once, by its first sound update; that nothing comes in once the sum is being closed; and that a sum
is closed over the quorum only. That an update's bytes are sound was checked by whoever hands it in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from securefed.domain.identifiers import Name, Sentence, SiteId
from securefed.domain.records import record_digest
from securefed.domain.update import Roster, Seal, SignedUpdate
from securefed.errors import (
    SealForeign,
    SecurefedError,
    SumIncomplete,
    UpdateLate,
    UpdateTwice,
)

MANIFEST_KIND = "sum-manifest"
_LONGEST_REASON = 400


@dataclass(frozen=True, kw_only=True)
class Announced:
    """What is announced for an attempt, once: its seal and its roster."""

    seal: Seal
    roster: Roster

    def __post_init__(self) -> None:
        if self.seal.roster != self.roster.digest:
            raise SealForeign("The seal names another roster")
        if self.seal.contributors != len(self.roster.contributors):
            raise SealForeign("The seal counts another number of sites than its roster")

    @property
    def sites(self) -> tuple[SiteId, ...]:
        """The roster's sites, sorted."""
        return tuple(one.site for one in self.roster.contributors)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The last thing that was refused under a site's name, and why."""

    site: SiteId
    code: Name
    reason: Sentence


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The updates that a sum is closed over, sorted by site."""

    updates: tuple[SignedUpdate, ...]

    @property
    def binding(self) -> bytes:
        """What binds a part of a sum to these updates."""
        return record_digest(MANIFEST_KIND, self).encode("ascii")


@dataclass(frozen=True, kw_only=True)
class Collection:
    """What came in so far."""

    announced: Announced
    delivered: Mapping[SiteId, SignedUpdate] = field(default_factory=dict)
    refused: Mapping[SiteId, Refusal] = field(default_factory=dict)
    closed: bool = False

    @property
    def silent(self) -> tuple[SiteId, ...]:
        """The sites of which nothing came, sound or not."""
        known = self.delivered.keys() | self.refused.keys()
        return tuple(one for one in self.announced.sites if one not in known)

    @property
    def enough(self) -> bool:
        """Whether the quorum holds."""
        return len(self.delivered) >= self.announced.seal.quorum

    def with_update(self, signed: SignedUpdate) -> "Collection":
        """The collection with a sound update; the same one again changes nothing."""
        site = signed.update.site
        known = self.delivered.get(site)
        if known == signed:
            return self
        if known is not None:
            raise UpdateTwice(f"{site} sent another update for the same attempt before")
        if self.closed:
            raise UpdateLate(f"The update of {site} came after the sum was closed")
        return replace(self, delivered={**self.delivered, site: signed})

    def with_refusal(self, refusal: Refusal) -> "Collection":
        """The collection with a note of what was refused; a sound update of the site stays."""
        return replace(self, refused={**self.refused, refusal.site: refusal})

    def without(self, refusal: Refusal) -> "Collection":
        """The collection without a site whose update turned out to be spoiled."""
        rest = {site: one for site, one in self.delivered.items() if site != refusal.site}
        return replace(self.with_refusal(refusal), delivered=rest)

    def closing(self) -> "Collection":
        """The collection to which nothing is added any more."""
        if not self.enough:
            quorum = self.announced.seal.quorum
            raise SumIncomplete(f"{len(self.delivered)} sites are below the quorum of {quorum}")
        return replace(self, closed=True)

    def reopened(self) -> "Collection":
        """The collection open again, while nothing of a sum was shown to anybody."""
        return replace(self, closed=False)

    @property
    def manifest(self) -> Manifest:
        """What a sum of everything delivered is closed over."""
        return Manifest(updates=tuple(self.delivered[site] for site in sorted(self.delivered)))


def refusal_of(site: SiteId, error: SecurefedError) -> Refusal:
    """The note of an error. A peer can word a part of it, so only plain characters are kept."""
    plain = " ".join(str(error).encode("ascii", "replace").decode("ascii").split())
    shown = "".join(one for one in plain if one.isprintable())[:_LONGEST_REASON].strip()
    return Refusal(site=site, code=Name(error.code), reason=Sentence(shown or error.code))
