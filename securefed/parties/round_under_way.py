"""A round under way at the coordinator, and what each of its sites is asked to do in it.

It lives as long as one process works on the round. Nothing of it is kept, since all of it is told
again from the study and the round's files.
"""

from dataclasses import dataclass, field

from securefed.domain.identifiers import SiteId
from securefed.errors import SecurefedError
from securefed.parties.study_tools import Gathered, Member, RunPlan
from securefed.steps.visit_site import ControlParcel, Parcel, Visit


@dataclass(kw_only=True)
class RoundUnderWay:
    """What sites are brought, until when they are waited for, and who did not do their part."""

    number: int
    gathered: Gathered
    weights: Parcel | None
    control: ControlParcel | None
    ends: float
    failed: dict[SiteId, SecurefedError] = field(default_factory=dict)

    def visit(self, plan: RunPlan, member: Member) -> Visit:
        """What a site is asked to do."""
        return Visit(
            site=member.site,
            request=member.request,
            round=self.number,
            attempts=1 + plan.study.spare_attempts,
            weights=self.weights,
            code=plan.code,
            lattice=self.gathered.lattice,
            protection=self.gathered.protection,
            control=self.control,
        )
