"""The run token: the single-use right to run one attempt, and exactly what it may run.

A token names the attempt, the approved plan, the code, the mechanism and the steps. It holds a
secret, so nobody can make one up; the ledger stores its digest only. What was executed is declared
in the same terms and compared field by field: any difference, and nothing that the attempt made may
leave the site.
"""

from dataclasses import dataclass

from securefed.domain.identifiers import Digest, SiteId, Version
from securefed.domain.plan import ReviewPlan, changes_between
from securefed.domain.privacy import DpSgd, GaussianRelease
from securefed.domain.records import record_digest, to_plain
from securefed.domain.round import RoundId

TOKEN_KIND = "run-token"


@dataclass(frozen=True, kw_only=True)
class Execution:
    """What one attempt runs, or has run: code, engine, mechanisms with their steps."""

    code: Digest
    own_code: Digest | None
    data: Digest
    engine: Version
    training: DpSgd
    metrics: GaussianRelease | None


@dataclass(frozen=True, kw_only=True)
class RunToken:
    """The right to run one attempt."""

    site: SiteId
    id: RoundId
    plan: Digest
    execution: Execution
    secret: Digest

    @property
    def digest(self) -> Digest:
        """What the ledger knows of the token."""
        return record_digest(TOKEN_KIND, self)


def approved_execution(plan: ReviewPlan) -> Execution:
    """What an approved plan allows one attempt to run."""
    part = plan.request.part
    return Execution(
        code=plan.machine.package_digest,
        own_code=plan.request.study.recipe.own_code,
        data=plan.card.data,
        engine=plan.machine.package,
        training=part.training,
        metrics=part.metrics,
    )


def departures(allowed: Execution, executed: Execution) -> tuple[str, ...]:
    """The names of the fields in which an execution is not what was allowed."""
    before, after = to_plain(allowed), to_plain(executed)
    return tuple(change.what for change in changes_between(before, after))
