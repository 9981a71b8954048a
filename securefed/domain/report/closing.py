"""Sections 12 and 13: how to check all of this without trusting anybody here, and its limits."""

from securefed.domain.claims import ClaimRegister, Grounds, Source
from securefed.domain.report.model import (
    Block,
    Claims,
    Command,
    Remark,
    Section,
    Table,
    line,
    table,
)
from securefed.domain.report.subject import Subject
from securefed.domain.report.wording import at, day


def evidence(subject: Subject, register: ClaimRegister, grounds: Grounds) -> Section:
    """Section 12."""
    site = subject.chronicle.register.site
    blocks: list[Block] = [
        Claims(register.of_section(12, grounds)),
        Remark(
            "The file evidence.json beside this report is what counts; this page is made from it. "
            "Check it on a machine of your own, with keys that you have from elsewhere, "
            "since those in the file are its own word:"
        ),
        Command(f"securefed audit verify evidence.json --known-key {site.site}=KEY"),
        Remark("Or without this program, with PyNaCl alone:"),
        Command("python verify_evidence.py evidence.json"),
        _documents(subject),
        _parts(subject),
        _checks(subject),
    ]
    return Section(12, "Evidence, and how to verify it", tuple(blocks))


def limits(register: ClaimRegister, grounds: Grounds) -> Section:
    """Section 13."""
    return Section(13, "Limitations", (Claims(register.of_section(13, grounds)),))


def _documents(subject: Subject) -> Table:
    head = subject.chronicle.register.head
    last = at(head.size - 1)
    own = Source(how="the file")
    return table(
        "What this report was made from",
        ("what", "value"),
        (
            line("SHA-256 of evidence.json", own, subject.digest),
            line("gathered", own, day(subject.evidence.at)),
            line("gathered by", own, f"{subject.evidence.by.name}, {subject.evidence.by.key}"),
            line("ledger entries", last, f"{head.size:,}"),
            line("hash of the last", last, head.hash),
            line("key of the site", at(0), subject.chronicle.register.site.key),
        ),
    )


def _parts(subject: Subject) -> Table:
    own = Source(how="the file")
    return table(
        "Parts of the evidence",
        ("party", "kind", "key", "entries", "checkpoints"),
        (
            line(
                one.part.name,
                own,
                one.part.party,
                one.part.key,
                f"{len(one.part.entries):,}",
                f"{len(one.part.notes)}",
            )
            for one in subject.evidence.parts
        ),
    )


def _checks(subject: Subject) -> Table:
    own = Source(how="checked for this report")
    return table(
        "Checks of the evidence",
        ("check", "result", "remedy"),
        (line(one.what, own, one.problem or "passed", one.remedy) for one in subject.checks),
    )
