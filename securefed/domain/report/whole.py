"""The whole report: all sections in order, and the ledger entries that they cite."""

from dataclasses import replace

from securefed.domain.claims import ClaimRegister, runs
from securefed.domain.report.accounting import budget, mechanisms, paid_for
from securefed.domain.report.cards import cards, utility
from securefed.domain.report.checklists import checklists
from securefed.domain.report.closing import evidence, limits
from securefed.domain.report.grounds import grounds_of
from securefed.domain.report.model import AuditReport
from securefed.domain.report.opening import formal, in_short
from securefed.domain.report.people import approvals
from securefed.domain.report.protection import sealing, trust, unit
from securefed.domain.report.subject import Subject


def report_on(subject: Subject, register: ClaimRegister) -> AuditReport:
    """The report on a subject, promising only what the register has."""
    grounds = grounds_of(subject)
    others = (
        formal(subject, register, grounds),
        unit(subject, register, grounds),
        trust(subject, register, grounds),
        mechanisms(subject, register, grounds),
        budget(subject, register, grounds),
        paid_for(subject, register, grounds),
        approvals(subject, register, grounds),
        sealing(subject, register, grounds),
        checklists(subject, register, grounds),
        utility(subject, register, grounds),
        cards(subject, register, grounds),
        evidence(subject, register, grounds),
        limits(register, grounds),
    )
    site, asked = subject.chronicle.register.site, subject.asked
    report = AuditReport(
        site=site.site,
        study=asked.study,
        title=site.title,
        at=asked.at,
        version=asked.version,
        evidence=subject.digest,
        sections=(in_short(register, grounds, others), *others),
    )
    cited = _cited(report)
    entries = subject.chronicle.entries
    return replace(report, cited=tuple(one for one in entries if one.index in cited))


def _cited(report: AuditReport) -> set[int]:
    """Every entry that a value stands in, and the ends of the stretches that others rest on."""
    found: set[int] = set()
    for source in report.sources():
        stretches = runs(source.entries)
        ends = {end for stretch in stretches for end in stretch}
        found |= ends if source.how else set(source.entries)
    return found
