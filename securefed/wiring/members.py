"""Who takes part in a study's run: the sites that answer and have not said no.

A site whose reviewers have not decided yet belongs to them: it refuses rounds until they do, and
joins the next one. What cannot be reached when a run starts is left out of it, since every round
would wait for it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from securefed.domain.identifiers import Name, SiteId
from securefed.domain.request import RequestState
from securefed.domain.update import Contributor, Roster
from securefed.domain.weighting import CappedUnits
from securefed.errors import (
    ApprovalExpired,
    ApprovalMissing,
    ApprovalWithdrawn,
    QuorumLost,
    SecurefedError,
    all_errors,
)
from securefed.parties.study_tools import Member
from securefed.wiring.remote import Ways
from securefed.wiring.study import Filing, OpenStudy

MAY_RUN = (RequestState.APPROVED, RequestState.COMPLETED)
_ENDED: Mapping[RequestState, type[SecurefedError]] = {
    RequestState.REVOKED: ApprovalWithdrawn,
    RequestState.EXPIRED: ApprovalExpired,
}


@dataclass(frozen=True, kw_only=True)
class Joined:
    """The sites of a run with their lines in rosters, and why others can do nothing now."""

    members: tuple[Member, ...]
    lines: tuple[Contributor, ...]
    missing: Mapping[SiteId, SecurefedError]

    @property
    def codes(self) -> set[Name]:
        """Why sites are missing."""
        return {Name(one.code) for one in self.missing.values()}

    def roster(self, asked: Collection[SiteId], least: int) -> Roster:
        """The roster of a round in which these are asked. Once it is announced nobody joins it, so
        it is refused while too few of them are here."""
        lines = tuple(one for one in self.lines if one.site in asked)
        if len(lines) < least:
            away = "; ".join(f"{one}: {self.missing[one]}" for one in asked if one in self.missing)
            raise QuorumLost(
                f"{len(lines)} of at least {least} sites that the round asks are here. {away}"
            )
        return Roster(contributors=lines)

    def expect_quorum(self, least: int) -> None:
        """Refuses to begin where too few sites can do anything."""
        ready = [one for one in self.members if one.site not in self.missing]
        if len(ready) >= least:
            return
        named = "; ".join(f"{site}: {error}" for site, error in sorted(self.missing.items()))
        lost = QuorumLost(f"{len(ready)} of at least {least} sites can take part. {named}")
        raise reason_of(lost, self.codes)


def joined_sites(opened: OpenStudy, ways: Ways) -> Joined:
    """The sites that answer, and what is wrong with the others."""
    members: dict[SiteId, tuple[Member, Contributor]] = {}
    missing: dict[SiteId, SecurefedError] = {}
    for filing in opened.standing(ways):
        refusal = _refusal(filing)
        if refusal is not None:
            missing[filing.site] = refusal
        if refusal is None or filing.state is RequestState.PENDING:
            try:
                members[filing.site] = _joined(opened, ways, filing.site)
            except SecurefedError as error:
                missing[filing.site] = error
    found = [members[site] for site in sorted(members)]
    return Joined(
        members=tuple(member for member, _ in found),
        lines=tuple(line for _, line in found),
        missing=missing,
    )


def reason_of(lost: QuorumLost, codes: set[Name]) -> SecurefedError:
    """The one reason why sites are missing, where they all have the same."""
    kinds = [one for one in all_errors() if one.code in codes]
    return kinds[0](lost.what, where=lost.where) if len(codes) == len(kinds) == 1 else lost


def _refusal(filing: Filing) -> SecurefedError | None:
    if filing.error is not None or filing.state in MAY_RUN or filing.state is None:
        return filing.error
    kind = _ENDED.get(filing.state, ApprovalMissing)
    return kind(f"{filing.request} is {filing.state}", where=filing.site)


def _joined(opened: OpenStudy, ways: Ways, site: SiteId) -> tuple[Member, Contributor]:
    way, part = ways.to(site), opened.study.participant(site)
    weighting = opened.study.sealing.weighting
    units = way.units(part.dataset) if isinstance(weighting, CappedUnits) else 1
    key = ways.federation.site(site).key
    return (
        Member(site=site, request=opened.request(site), remote=way),
        Contributor(site=site, key=key, weight=weighting.weight(units)),
    )
