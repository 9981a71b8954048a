"""What one report is about: a site's chronicle, cut to a study or a time, with all derived figures.

A cut hides requests and rounds from the tables, never from the budget: what a dataset has spent is
always all that was ever spent on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from securefed.domain.allowance import Allowance
from securefed.domain.attack import AttackReport
from securefed.domain.check import Check
from securefed.domain.claims import Source
from securefed.domain.custody import CustodyRegister
from securefed.domain.decision import Approval
from securefed.domain.evidence import Evidence
from securefed.domain.evidence_witness import Vouched
from securefed.domain.identifiers import DatasetId, Digest, PublicKey, StudyId
from securefed.domain.privacy import DpSgd, Mechanism, PrivacyLoss
from securefed.domain.recount import Total
from securefed.domain.report.chronicle import AttemptStory, Chronicle, Noted, RequestStory
from securefed.domain.round import RoundId, RoundState
from securefed.domain.site import DataCard, Machine
from securefed.domain.standards import Attestation, Standard


@dataclass(frozen=True, kw_only=True)
class DatasetFigures:
    """What was run on a dataset, in all, and what that costs by two accountants."""

    allowance: Allowance
    ran: tuple[Mechanism, ...]
    loss: PrivacyLoss
    promised: PrivacyLoss
    second: Decimal | None
    profile: tuple[tuple[Decimal, Decimal], ...]
    totals: tuple[Total, ...]


@dataclass(frozen=True, kw_only=True)
class RoundFigures:
    """Which attempt on its dataset it was, what it cost by itself, and with all before it."""

    number: int
    alone: Decimal
    so_far: Decimal


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the report is asked to be about, and what its writer brings along."""

    at: datetime
    version: str
    study: StudyId | None = None
    since: datetime | None = None
    standards: tuple[Standard, ...] = ()
    attestations: Mapping[str, Attestation] = field(default_factory=dict)
    attack: tuple[Digest, AttackReport] | None = None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Everything that the sections are written from."""

    chronicle: Chronicle
    asked: Asked
    evidence: Evidence
    digest: Digest
    checks: tuple[Check, ...]
    vouched: Vouched
    logs: Mapping[PublicKey, CustodyRegister]
    second_name: str
    figures: Mapping[DatasetId, DatasetFigures]
    rounds: Mapping[RoundId, RoundFigures]

    @property
    def requests(self) -> list[RequestStory]:
        """The requests that are reported, oldest first."""
        wanted = self.asked.study
        stories = self.chronicle.requests.values()
        return [
            one
            for one in stories
            if wanted in (None, one.request.study.study) and self._recent(one)
        ]

    @property
    def approved(self) -> list[RequestStory]:
        """Those that were approved at some time."""
        return [one for one in self.requests if self.plan_of(one) is not None]

    @property
    def ever_approved(self) -> list[RequestStory]:
        """Those of every study that were approved on the reported datasets: a study's settings may
        have been found by others, and the trials of a search are studies of their own."""
        datasets = set(self.datasets)
        stories = self.chronicle.requests.values()
        return [one for one in stories if one.request.dataset in datasets and self.plan_of(one)]

    @property
    def attempts(self) -> list[tuple[RequestStory, AttemptStory]]:
        """The reported attempts, in the order in which they began."""
        found = [(story, one) for story in self.requests for one in story.attempts.values()]
        since = self.asked.since
        kept = [pair for pair in found if since is None or pair[1].last_at >= since]
        return sorted(kept, key=lambda pair: pair[1].reserved.entry)

    @property
    def committed(self) -> list[tuple[RequestStory, AttemptStory]]:
        """The attempts that released something."""
        return [pair for pair in self.attempts if pair[1].attempt.state is RoundState.COMMITTED]

    @property
    def datasets(self) -> list[DatasetId]:
        """The datasets that are reported: of a study its own, else all that there ever were."""
        if self.asked.study is None:
            return sorted(self.chronicle.cards)
        return sorted({one.request.dataset for one in self.requests})

    @property
    def machine(self) -> Machine | None:
        """The machine of the newest approved plan."""
        plans = [self.plan_of(one) for one in self.approved]
        return plans[-1].what.plan.machine if plans and plans[-1] else None

    @property
    def whole(self) -> Source:
        """Every entry of the ledger."""
        return Source(entries=tuple(one.index for one in self.chronicle.entries))

    def card(self, dataset: DatasetId) -> tuple[DataCard, Source]:
        """A dataset's newest card, and where it stands."""
        noted = self.chronicle.cards[dataset][-1]
        return noted.what.card, Source(entries=(noted.entry,))

    def plan_of(self, story: RequestStory) -> Noted[Approval] | None:
        """The approval that let a request run."""
        plan = self.chronicle.register.request(story.filed.what).approved_plan
        for noted in story.approvals:
            if plan is not None and noted.what.plan_digest == plan.digest:
                return noted
        return None

    def charges(self, dataset: DatasetId) -> Source:
        """The entries that say what ran on a dataset."""
        stories = [
            one for one in self.chronicle.requests.values() if one.request.dataset == dataset
        ]
        indexes = [
            index
            for one in stories
            for attempt in one.attempts.values()
            for index in attempt.entries
        ]
        return Source(entries=tuple(indexes), how="computed from" if indexes else "")

    def _recent(self, story: RequestStory) -> bool:
        since = self.asked.since
        if since is None:
            return True
        moments = [story.filed.at, *(one.at for one in story.approvals)]
        moments += [one.last_at for one in story.attempts.values()]
        return max(moments) >= since or (story.ended is not None and story.ended.at >= since)


def steps_of(mechanism: Mechanism) -> str:
    """What a mechanism did, in one line."""
    if isinstance(mechanism, DpSgd):
        return (
            f"{mechanism.kind}: noise multiplier {mechanism.noise_multiplier}, "
            f"{mechanism.sampling} sampling at rate {mechanism.sampling_rate}, "
            f"clip {mechanism.clip}, {mechanism.steps:,} steps"
        )
    noise = getattr(mechanism, "noise_multiplier", None)
    if noise is not None:
        return f"{mechanism.kind}: noise multiplier {noise}, {mechanism.times:,} releases"
    return (
        f"{mechanism.kind}: scale {getattr(mechanism, 'scale', '')}, {mechanism.times:,} releases"
    )
