"""Which sites take part in a round, where a study asks fewer than all: drawn by a public lot.

The lot is a hash of the study, round and site, so everybody draws the same, a site checks that it
was drawn, and nobody needs to be trusted to draw. Promises that every set of that size is equally
likely as far as SHA-256 looks random. Whoever writes the study chooses what is hashed and could try
titles until a lot suits; a site that minds has every round's lot beforehand.

No amplification of privacy is claimed: the lot is public, so a site that was drawn knows as much of
its own part as one that always takes part. A site is charged for the rounds that it trained.
"""

from collections.abc import Collection
from dataclasses import dataclass

from securefed.domain.identifiers import Digest, SiteId
from securefed.domain.numbers import count
from securefed.domain.records import record_digest
from securefed.errors import ConfigInvalid

LOT_KIND = "site-lot"


@dataclass(frozen=True, kw_only=True)
class _Lot:
    study: Digest
    round: int
    site: SiteId


def drawn_sites(
    study: Digest, round_: int, sites: Collection[SiteId], size: int
) -> tuple[SiteId, ...]:
    """The sites of a round, sorted by name: those with the smallest lots."""
    count("round", round_)
    count("sites in a round", size, most=len(sites))
    if len(set(sites)) != len(sites):
        raise ConfigInvalid("A site stands twice among those that are drawn from")

    def lot(site: SiteId) -> Digest:
        return record_digest(LOT_KIND, _Lot(study=study, round=round_, site=site))

    return tuple(sorted(sorted(sites, key=lot)[:size]))
