"""Which sites take part in a round, where a study asks fewer than all: drawn by a public lot.

The lot is a hash of the study, round, attempt and site, so everybody draws the same, a site can
check that it was drawn, and nobody needs to be trusted to draw. Promises that every set of that
size is equally likely as far as SHA-256 looks random. Whoever writes the study chooses what is
hashed and could try titles until a lot suits; a site that minds has every round's lot beforehand.

No amplification of privacy is claimed: the lot is public, so a site that was drawn knows as much of
its own part as one that always takes part. A site is charged for the rounds that it trained.
"""

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction

from securefed.domain.identifiers import Digest, SiteId
from securefed.domain.numbers import count
from securefed.domain.records import record_digest
from securefed.errors import ConfigInvalid

LOT_KIND = "site-lot"


@dataclass(frozen=True, kw_only=True)
class _Lot:
    study: Digest
    round: int
    attempt: int
    site: SiteId


@dataclass(frozen=True, kw_only=True)
class DrawnSites:
    """An attempt's sites, sorted by name, and from how many they were drawn."""

    round: int
    attempt: int
    sites: tuple[SiteId, ...]
    among: int

    @property
    def chance(self) -> Fraction:
        """The chance that each site of the study had to be among them."""
        return Fraction(len(self.sites), self.among)


def drawn_sites(
    study: Digest, round_: int, attempt: int, sites: Collection[SiteId], size: int
) -> DrawnSites:
    """The sites of an attempt: those with the smallest lots. Another attempt draws anew."""
    count("round", round_)
    count("attempt", attempt)
    count("sites in a round", size, most=len(sites))
    if len(set(sites)) != len(sites):
        raise ConfigInvalid("A site stands twice among those that are drawn from")

    def lot(site: SiteId) -> Digest:
        return record_digest(LOT_KIND, _Lot(study=study, round=round_, attempt=attempt, site=site))

    chosen = sorted(sites, key=lot)[:size]
    return DrawnSites(round=round_, attempt=attempt, sites=tuple(sorted(chosen)), among=len(sites))
