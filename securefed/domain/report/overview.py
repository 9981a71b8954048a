"""The page before the reports of one study's sites: who took part, what left, what it cost each.

It promises nothing of its own: every value is one of a site's report behind it, and what is not
established is what those reports say is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from securefed.domain.claims import NOT_EVIDENCED, Source, Statement
from securefed.domain.identifiers import DatasetId, Name, StudyId
from securefed.domain.privacy import PrivacyLoss
from securefed.domain.report.model import (
    AuditReport,
    Claims,
    Remark,
    Section,
    StudyReport,
    Table,
    line,
    table,
)
from securefed.domain.report.subject import Subject
from securefed.domain.report.wording import counted, listed, loss_words, share, unit_of

_REMARK = Remark(
    "Each row is from that site's own ledger, and its report follows below with the entries. The "
    "loss of the study counts its rounds alone; the budget counts everything that ever ran on the "
    "dataset. For a person whose data several sites hold, the losses of these sites add up."
)


@dataclass(frozen=True, kw_only=True)
class SiteShare:
    """A site's part in a study: its report, and what the study's rounds cost by themselves."""

    subject: Subject
    report: AuditReport
    losses: Mapping[DatasetId, PrivacyLoss]


def study_report(study: StudyId, shares: Sequence[SiteShare]) -> StudyReport:
    """The reports of several sites behind one page."""
    first = shares[0].report
    return StudyReport(
        study=study,
        title=_title(study, shares),
        at=first.at,
        version=first.version,
        evidence=first.evidence,
        overview=_overview(shares),
        chapters=tuple(one.report for one in shares),
    )


def _title(study: StudyId, shares: Sequence[SiteShare]) -> str:
    titles = (story.request.study.title for one in shares for story in one.subject.requests)
    return listed(titles, study)


def _overview(shares: Sequence[SiteShare]) -> Section:
    return Section(
        0,
        "All sites in short",
        (
            _people(shares),
            _spent(shares),
            _REMARK,
            Remark(f"{_silence(shares)} What none of the reports establishes:"),
            Claims(_open(shares)),
        ),
    )


def _people(shares: Sequence[SiteShare]) -> Table:
    return table(
        "Who asked, who approved, what left",
        ("site", "asked by", "approved by", "data", "left the site"),
        (
            line(
                one.report.site,
                _ledger(one),
                listed(story.request.requester for story in one.subject.requests),
                listed(
                    noted.what.by
                    for story in one.subject.approved
                    if (noted := one.subject.plan_of(story)) is not None
                ),
                listed((_data(one, dataset) for dataset in one.subject.datasets), "none"),
                counted(len(one.subject.committed), "update"),
            )
            for one in shares
        ),
    )


def _spent(shares: Sequence[SiteShare]) -> Table:
    return table(
        "What it cost, and what is left",
        ("site", "dataset", "steps", "loss of the study", "loss in all", "used of the budget"),
        (
            line(
                one.report.site,
                _ledger(one),
                dataset,
                f"{_steps(one, dataset):,}",
                loss_words(one.losses[dataset]),
                loss_words(figures.loss),
                _share(one, dataset),
            )
            for one in shares
            for dataset in one.subject.datasets
            if (figures := one.subject.figures.get(dataset)) is not None
        ),
        empty="No allowance was granted.",
    )


def _data(one: SiteShare, dataset: DatasetId) -> str:
    card, _ = one.subject.card(dataset)
    return f"{dataset}: {counted(card.units, unit_of(card.unit))}"


def _steps(one: SiteShare, dataset: DatasetId) -> int:
    return sum(
        attempt.attempt.steps_charged
        for story, attempt in one.subject.attempts
        if story.request.dataset == dataset
    )


def _share(one: SiteShare, dataset: DatasetId) -> str:
    moments = one.subject.chronicle.budgets.get(dataset)
    newest = moments[-1] if moments else None
    return "none granted" if newest is None else share(newest.charged, newest.cap)


def _silence(shares: Sequence[SiteShare]) -> str:
    silent = {one.report.site: _unevidenced(one.report) for one in shares}
    said = (f"{number} of {site}" for site, number in silent.items())
    return f"Statements that are not evidenced: {listed(said, 'none')}."


def _unevidenced(report: AuditReport) -> int:
    return sum(not one.evidenced for section in report.sections for one in section.statements())


def _open(shares: Sequence[SiteShare]) -> tuple[Statement, ...]:
    """What stands below the five sentences of every report, each once."""
    found: dict[tuple[Name, str], Statement] = {}
    for one in shares:
        for said in one.report.sections[0].statements():
            if not said.claim.startswith("in-short-"):
                found.setdefault((said.claim, said.text), replace(said, source=_of(said)))
    return tuple(found.values())


def _of(said: Statement) -> Source:
    return Source(how="each site's report") if said.source else NOT_EVIDENCED


def _ledger(one: SiteShare) -> Source:
    return Source(how=f"the ledger of {one.report.site}")
