"""`securefed audit report`: a page that a privacy officer can read, and the evidence behind it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.audit_evidence import Keys, Notes, Witnesses, read_bytes, read_keys, read_notes
from securefed.cli.options import HERE, SiteDir
from securefed.cli.output import AsJson, answer, say, working
from securefed.domain.canonical import Plain
from securefed.domain.identifiers import SiteId, StudyId
from securefed.domain.report.model import AuditReport, StudyReport
from securefed.errors import ConfigInvalid

if TYPE_CHECKING:
    from securefed.domain.claims import Statement

_DAYS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ")


OneStudy = Annotated[str | None, typer.Option("--study", help="Only this study's work.")]
Since = Annotated[str | None, typer.Option("--since", help="Only work after this day, in UTC.")]
FromEvidence = Annotated[
    Path | None,
    typer.Option("--evidence", help="Write from this file instead of a site's folder."),
]
OfSite = Annotated[
    str | None, typer.Option("--of", help="Which site of the evidence, if it shows several.")
]
Attested = Annotated[
    Path | None, typer.Option("--attest", help="The owner's answers to the checklists.")
]
Attack = Annotated[
    Path | None, typer.Option("--attack", help="What `audit attack --json` printed.")
]
Pdf = Annotated[
    bool, typer.Option("--pdf/--no-pdf", help="Also write report.pdf, with the evidence in it.")
]


def report(
    out: Annotated[Path, typer.Option("--out", help="The folder to write to.")],
    site: SiteDir = HERE,
    study: OneStudy = None,
    since: Since = None,
    evidence: FromEvidence = None,
    of: OfSite = None,
    attested: Attested = None,
    attack: Attack = None,
    known: Keys = None,
    notes: Notes = None,
    witnesses: Witnesses = None,
    pdf: Pdf = True,
    as_json: AsJson = False,
) -> None:
    """Write what was approved, what left, what it cost and what is not proven, with its evidence.

    Writes report.html, evidence.json, deployment.yaml and, where WeasyPrint is installed,
    report.pdf. Of evidence that shows several sites, --study reports all that took part in it,
    and --of one of them. Evidence that does not verify gets no report.

    Example: securefed audit report --site . --out audit
    """
    from securefed.wiring import report as wiring_report

    wiring_report.expect_libraries()
    about = wiring_report.asked(
        None if study is None else StudyId(study), _moment(since), attested, attack
    )
    with working("Verifying and accounting"):
        data = _of_site(site, witnesses) if evidence is None else read_bytes(evidence)
        name = None if of is None else SiteId(of)
        made = wiring_report.written(data, name, about, read_keys(known), read_notes(notes))
        files, printed = wiring_report.save(out, made, data, as_pdf=pdf)
    if pdf and not printed:
        say("No PDF was written: it needs WeasyPrint and Pango. Install securefed[pdf] and Pango.")
    answer(
        as_json,
        "audit-report",
        {"files": [str(one) for one in files], **_document(made.report)},
        f"{_five(made.report)}\n\n{_listing(files)}",
        f"securefed audit verify {out / 'evidence.json'}",
    )


def _of_site(site: Path, witnesses: list[str] | None) -> bytes:
    """The evidence of a site whose folder is here."""
    from securefed.wiring import evidence as wiring_evidence

    own, keys = wiring_evidence.part_of_site(site, None), read_keys(witnesses)
    return wiring_evidence.checked(wiring_evidence.gathered([own], (), None, keys, None))


def _moment(text: str | None) -> datetime | None:
    for form in _DAYS if text is not None else ():
        try:
            return datetime.strptime(text or "", form).replace(tzinfo=UTC)
        except ValueError:
            continue
    if text is not None:
        raise ConfigInvalid(f"{text[:40]!a} is not a day like 2026-11-21", where="--since")
    return None


def _five(made: AuditReport | StudyReport) -> str:
    if isinstance(made, StudyReport):
        return "\n\n".join(f"{one.site}\n{_five(one)}" for one in made.chapters)
    return "\n".join(one.words for one in _page_one(made))


def _document(made: AuditReport | StudyReport) -> dict[str, Plain]:
    if isinstance(made, StudyReport):
        return {"study": made.study, "sites": [_document(one) for one in made.chapters]}
    statements = [one for section in made.sections for one in section.statements()]
    return {
        "site": made.site,
        "study": made.study,
        "in_short": [one.words for one in _page_one(made)],
        "statements": len(statements),
        "not_evidenced": [one.claim for one in statements if not one.evidenced],
    }


def _page_one(made: AuditReport) -> "list[Statement]":
    return [one for one in made.sections[0].statements() if one.claim.startswith("in-short")]


def _listing(files: Iterable[Path]) -> str:
    return "\n".join(str(one) for one in files)
