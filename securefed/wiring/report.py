"""Puts together what writes an audit report: from evidence to files in a folder.

A file stands in the folder whole or not at all.
"""

from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from securefed import __version__
from securefed.config.audit import load_attack, load_attestations, load_claims, load_standard
from securefed.config.deployment import check_deployment
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.identifiers import DatasetId, Name, PublicKey, SiteId, StudyId
from securefed.domain.report.deployment import Record
from securefed.domain.report.subject import Asked
from securefed.domain.standards import Standard
from securefed.errors import NotFound, StorageFailed
from securefed.steps.write_report import Written, file_digest, write_report
from securefed.wiring.basics import clock, shipped_file
from securefed.wiring.evidence import examining

STANDARDS = ("nist-sp-800-226", "gdpr", "hipaa-expert-determination")
_LIBRARIES = ("jinja2", "matplotlib")


def standards() -> tuple[Standard, ...]:
    """The checklists that come with securefed."""
    return tuple(load_standard(shipped_file(f"audits/standards/{one}.toml")) for one in STANDARDS)


def asked(
    study: StudyId | None, since: datetime | None, attested: Path | None, attack: Path | None
) -> Asked:
    """What a report is to be about, with what its reader brings along."""
    checklists = standards()
    return Asked(
        at=clock().now(),
        version=__version__,
        study=study,
        since=since,
        standards=checklists,
        attestations={} if attested is None else load_attestations(attested, checklists),
        attack=None if attack is None else load_attack(attack),
    )


def written(
    evidence: bytes,
    site: SiteId | None,
    about: Asked,
    known: Mapping[Name, PublicKey],
    held: tuple[Checkpoint, ...],
) -> Written:
    """The report on a site, or on the sites of a study."""
    register = load_claims(shipped_file("audits/claims.toml"))
    with_what = examining(known, held)
    return write_report(evidence, file_digest(evidence), site, about, register, with_what)


def expect_libraries() -> None:
    """Refuses to begin without what the page is made with."""
    if missing := [one for one in _LIBRARIES if find_spec(one) is None]:
        what = f"A report needs {' and '.join(missing)}"
        raise NotFound(what, hint="Install securefed[report].")


def save(
    folder: Path, made: Written, evidence: bytes, *, as_pdf: bool = True
) -> tuple[list[Path], bool]:
    """Writes the files of a report; says which, and whether a PDF was among them."""
    from securefed.adapters.report_files import report_page, write_pdf

    page = report_page(made.report)
    files = {"evidence.json": evidence, "report.html": page.encode("utf-8")}
    files |= deployment_files(made.deployments)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            draft = folder / f".{name}.part"
            draft.write_bytes(data)
            draft.replace(folder / name)
        draft = folder / ".report.pdf.part"
        pdf = as_pdf and write_pdf(page, evidence, draft)
        if pdf:
            draft.replace(folder / "report.pdf")
        else:
            # One of an earlier report would not be of this evidence.
            (folder / "report.pdf").unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(folder)) from error
    names = [*files, "report.pdf"] if pdf else list(files)
    return [folder / name for name in names], pdf


def deployment_files(records: Mapping[tuple[SiteId, DatasetId], Record]) -> dict[str, bytes]:
    """A registry record for each dataset; a single one has the plain name."""
    from securefed.adapters.report_files import yaml_text

    found = {}
    for (site, dataset), record in records.items():
        check_deployment(record)
        name = "deployment.yaml" if len(records) == 1 else f"deployment-{site}-{dataset}.yaml"
        found[name] = yaml_text(record).encode("utf-8")
    return found
