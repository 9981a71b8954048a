"""Writing the audit report: verify evidence, derive every figure again, say what they amount to.

Nothing is taken from the evidence that was not just checked, and evidence that fails a check gets
no report. The figures are this step's own, by accountants that know nothing of the ledger's.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from securefed.domain.budget import Book
from securefed.domain.claims import ClaimRegister
from securefed.domain.evidence import Evidence, Part, Party
from securefed.domain.evidence_figures import work_of
from securefed.domain.identifiers import DatasetId, Digest, SiteId, StudyId
from securefed.domain.privacy import Mechanism, PrivacyLoss, gathered
from securefed.domain.recount import recount
from securefed.domain.report.chronicle import AttemptStory, Chronicle, chronicle_of
from securefed.domain.report.deployment import Record, deployments
from securefed.domain.report.model import AuditReport, StudyReport
from securefed.domain.report.overview import SiteShare, study_report
from securefed.domain.report.subject import Asked, DatasetFigures, RoundFigures, Subject
from securefed.domain.report.whole import report_on
from securefed.domain.request import CodeRequest
from securefed.domain.round import RoundId
from securefed.errors import EvidenceInvalid, NotFound
from securefed.ports import Accountant
from securefed.steps.verify_evidence import Examined, Examining, notes_of, verify_evidence

# More attempts than these cannot be told apart in a figure, and each asks the accountant again.
_MOST_ATTEMPTS = 40
_PROFILE = 16


@dataclass(frozen=True, kw_only=True)
class Written:
    """The report, and each site's datasets' records for a registry of deployments."""

    report: AuditReport | StudyReport
    deployments: Mapping[tuple[SiteId, DatasetId], Record]


def write_report(
    data: bytes,
    digest: Digest,
    site: SiteId | None,
    asked: Asked,
    register: ClaimRegister,
    examining: Examining,
) -> Written:
    """The report on one site that the evidence shows, or on all sites of a study.

    Refuses evidence that does not verify."""
    examined = verify_evidence(data, examining)
    failed, evidence = examined.failed, examined.evidence
    if failed is not None or evidence is None:
        what = "unreadable" if failed is None else f"{failed.what}: {failed.problem}"
        raise EvidenceInvalid(f"No report is written of evidence that fails a check: {what}")
    subjects = [
        _subject(part, chronicle, evidence, examined, digest, asked, examining)
        for part, chronicle in _chosen(evidence, site, asked.study, examining)
    ]
    made = {one.chronicle.register.site.site: deployments(one) for one in subjects}
    return Written(
        report=_report(subjects, asked.study, register, examining.accountant),
        deployments={(at, of): one for at, found in made.items() for of, one in found.items()},
    )


def _chosen(
    evidence: Evidence, site: SiteId | None, study: StudyId | None, examining: Examining
) -> list[tuple[Part, Chronicle]]:
    """The sites that are reported, each with what its ledger tells."""
    shown = evidence.of(Party.SITE)
    names = ", ".join(one.name for one in shown)
    parts = [one for one in shown if site in (None, SiteId(one.name))]
    if not parts or (len(parts) > 1 and study is None):
        hint = "Name one with --of, or with --study a study that they took part in."
        raise NotFound(f"The evidence shows the sites: {names or 'none'}", hint=hint)
    found = [(one, chronicle_of(one.stored(), examining.verify)) for one in parts]
    kept = [pair for pair in found if study is None or study in _studies(pair[1])]
    if not kept:
        ledgers = ", ".join(one.name for one in parts)
        raise NotFound(f"There is no study {study} in the ledger of {ledgers}")
    return kept


def _studies(chronicle: Chronicle) -> set[StudyId]:
    return {one.request.study.study for one in chronicle.requests.values()}


def _report(
    subjects: list[Subject], study: StudyId | None, register: ClaimRegister, accountant: Accountant
) -> AuditReport | StudyReport:
    if study is None or len(subjects) == 1:
        return report_on(subjects[0], register)
    shares = [
        SiteShare(
            subject=one, report=report_on(one, register), losses=_losses(one, study, accountant)
        )
        for one in subjects
    ]
    return study_report(study, shares)


def _losses(
    subject: Subject, study: StudyId, accountant: Accountant
) -> dict[DatasetId, PrivacyLoss]:
    """What the study's rounds cost by themselves, whatever else the report leaves out."""
    stories = subject.chronicle.requests.items()
    mine = {name for name, story in stories if story.request.study.study == study}
    found = {}
    for dataset, figures in subject.figures.items():
        ran = [
            one
            for story, mechanisms in _charged(subject.chronicle, dataset)
            if story.attempt.id.request in mine
            for one in mechanisms
        ]
        found[dataset] = accountant.loss(gathered(tuple(ran)), figures.allowance.delta)
    return found


def _subject(
    part: Part,
    chronicle: Chronicle,
    evidence: Evidence,
    examined: Examined,
    digest: Digest,
    asked: Asked,
    examining: Examining,
) -> Subject:
    return Subject(
        chronicle=chronicle,
        asked=asked,
        evidence=evidence,
        digest=digest,
        checks=tuple(examined.checks),
        vouched=notes_of(part, evidence, examining),
        logs=examined.logs,
        second_name=examining.second.name,
        figures=_figures(chronicle, examining),
        rounds=_rounds(chronicle, examining.accountant),
    )


# --- figures -------------------------------------------------------------------------------------


def _figures(chronicle: Chronicle, examining: Examining) -> dict[DatasetId, DatasetFigures]:
    found = {}
    for dataset, study, ran, delta in work_of(chronicle.register, None):
        book = chronicle.register.books[dataset]
        if study is None and book.allowance is not None:
            found[dataset] = _of_dataset(book, ran, delta, examining)
    return found


def _of_dataset(
    book: Book, ran: tuple[Mechanism, ...], delta: Decimal, examining: Examining
) -> DatasetFigures:
    accountant = examining.accountant
    loss = accountant.loss(ran, delta)
    grid = _grid(loss.epsilon)
    deltas = accountant.profile(ran, grid) if ran else tuple(Decimal(0) for _ in grid)
    return DatasetFigures(
        allowance=book.granted(),
        ran=ran,
        loss=loss,
        promised=accountant.loss(book.mechanisms(), delta),
        second=examining.second.epsilon(ran, delta) if ran else Decimal(0),
        profile=tuple(zip(grid, deltas, strict=True)),
        totals=recount(book, accountant.divergence),
    )


def _grid(epsilon: Decimal) -> tuple[Decimal, ...]:
    """Values of ε from small to half as much again as the figure, in steps that read well."""
    top = max(epsilon if epsilon.is_finite() else Decimal(10), Decimal("0.1")) * Decimal("1.5")
    step = (top / _PROFILE).quantize(Decimal("0.001"), rounding="ROUND_CEILING")
    return tuple(step * place for place in range(1, _PROFILE + 1))


def _rounds(chronicle: Chronicle, accountant: Accountant) -> dict[RoundId, RoundFigures]:
    found: dict[RoundId, RoundFigures] = {}
    for dataset, book in chronicle.register.books.items():
        if book.allowance is not None:
            found |= _of_attempts(_charged(chronicle, dataset), book.allowance.delta, accountant)
    return found


def _charged(
    chronicle: Chronicle, dataset: DatasetId
) -> list[tuple[AttemptStory, tuple[Mechanism, ...]]]:
    stories = [one for one in chronicle.requests.values() if one.request.dataset == dataset]
    pairs = [
        (one, _ran(one, story.request)) for story in stories for one in story.attempts.values()
    ]
    return sorted(
        ((one, ran) for one, ran in pairs if ran), key=lambda pair: pair[0].reserved.entry
    )


def _ran(story: AttemptStory, request: CodeRequest) -> tuple[Mechanism, ...]:
    return story.attempt.mechanisms(request.part)


def _of_attempts(
    charged: list[tuple[AttemptStory, tuple[Mechanism, ...]]],
    delta: Decimal,
    accountant: Accountant,
) -> dict[RoundId, RoundFigures]:
    """Figures of the attempts, or of some that are spread evenly where there are very many."""
    found: dict[RoundId, RoundFigures] = {}
    so_far: tuple[Mechanism, ...] = ()
    stride = -(-len(charged) // _MOST_ATTEMPTS)
    for number, (story, ran) in enumerate(charged, start=1):
        so_far = gathered((*so_far, *ran))
        if number % stride == 0 or number == len(charged):
            found[story.attempt.id] = RoundFigures(
                number=number,
                alone=accountant.loss(ran, delta).epsilon,
                so_far=accountant.loss(so_far, delta).epsilon,
            )
    return found


def file_digest(data: bytes) -> Digest:
    """What `sha256sum` says of the file, so that anybody can compare it."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())
