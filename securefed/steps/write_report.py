"""Writing the audit report: verify evidence, derive every figure again, say what they amount to.

Nothing is taken from the evidence that was not just checked, and evidence that fails a check gets
no report. The figures are this step's own, by accountants that know nothing of the ledger's.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from securefed.domain.budget import Book
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.claims import ClaimRegister
from securefed.domain.evidence import Evidence, Part, Party
from securefed.domain.evidence_figures import work_of
from securefed.domain.evidence_witness import check_notes
from securefed.domain.identifiers import DatasetId, Digest, Name, SiteId
from securefed.domain.privacy import Mechanism, gathered
from securefed.domain.recount import recount
from securefed.domain.report.chronicle import AttemptStory, Chronicle, chronicle_of
from securefed.domain.report.deployment import Record, deployments
from securefed.domain.report.model import AuditReport
from securefed.domain.report.subject import Asked, DatasetFigures, RoundFigures, Subject
from securefed.domain.report.whole import report_on
from securefed.domain.request import CodeRequest
from securefed.domain.round import RoundId
from securefed.errors import EvidenceInvalid, NotFound
from securefed.ports import Accountant
from securefed.steps.verify_evidence import Examined, Examining, verify_evidence

_COSIGNER = "securefed.cosigner/"
_READER = "whoever had this report written"
# More attempts than these cannot be told apart in a figure, and each asks the accountant again.
_MOST_ATTEMPTS = 40
_PROFILE = 16


@dataclass(frozen=True, kw_only=True)
class Written:
    """The report, and each dataset's record for a registry of deployments."""

    report: AuditReport
    deployments: Mapping[DatasetId, Record]


def write_report(
    data: bytes,
    digest: Digest,
    site: SiteId | None,
    asked: Asked,
    register: ClaimRegister,
    examining: Examining,
) -> Written:
    """The report on one site that the evidence shows. Refuses evidence that does not verify."""
    examined = verify_evidence(data, examining)
    failed, evidence = examined.failed, examined.evidence
    if failed is not None or evidence is None:
        what = "unreadable" if failed is None else f"{failed.what}: {failed.problem}"
        raise EvidenceInvalid(f"No report is written of evidence that fails a check: {what}")
    subject = _subject(_part(evidence, site), evidence, examined, digest, asked, examining)
    return Written(report=report_on(subject, register), deployments=deployments(subject))


def _part(evidence: Evidence, site: SiteId | None) -> Part:
    parts = [one for one in evidence.of(Party.SITE) if site in (None, SiteId(one.name))]
    if len(parts) == 1:
        return parts[0]
    names = ", ".join(one.name for one in evidence.of(Party.SITE))
    what = f"The evidence shows the sites: {names or 'none'}"
    raise NotFound(what, hint="A report is about one of them: name it with --of.")


def _subject(
    part: Part,
    evidence: Evidence,
    examined: Examined,
    digest: Digest,
    asked: Asked,
    examining: Examining,
) -> Subject:
    chronicle = chronicle_of(part.stored(), examining.verify)
    studies = {one.request.study.study for one in chronicle.requests.values()}
    if asked.study is not None and asked.study not in studies:
        raise NotFound(f"There is no study {asked.study} in the ledger of {part.name}")
    vouched = check_notes(part, evidence.keys(), examining.held, examining.verify)
    return Subject(
        chronicle=chronicle,
        asked=asked,
        evidence=evidence,
        digest=digest,
        checks=tuple(examined.checks),
        vouched=vouched,
        witnesses=_witnesses(part, examining.held),
        logs=examined.logs,
        second_name=examining.second.name,
        figures=_figures(chronicle, examining),
        rounds=_rounds(chronicle, examining.accountant),
    )


def _witnesses(part: Part, held: tuple[Checkpoint, ...]) -> tuple[str, ...]:
    """Who co-signed the site's checkpoints, and whoever brought one of their own."""
    mine = [one for one in held if one.site == SiteId(part.name)]
    signers = {one.name for note in (*part.checkpoints(), *mine) for one in note.signatures}
    names = (one.removeprefix(_COSIGNER) for one in signers if one.startswith(_COSIGNER))
    others = sorted({Name(one) for one in names} - {part.name})
    return (*others, _READER) if mine else tuple(others)


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
