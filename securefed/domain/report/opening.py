"""Sections 0 and 1: five sentences, what the report does not establish, the formal statement."""

from securefed.domain.claims import ClaimRegister, Grounds, Statement
from securefed.domain.report.grounds import dataset_facts
from securefed.domain.report.model import Claims, Remark, Section, Table, line, table
from securefed.domain.report.subject import Subject
from securefed.domain.report.wording import at, counted

# Each may have several wordings, of which one fits.
FIVE = ("in-short-who", "in-short-what", "in-short-budget", "in-short-loss", "in-short-open")


def in_short(register: ClaimRegister, grounds: Grounds, others: tuple[Section, ...]) -> Section:
    """Page one."""
    five = tuple(said for name in FIVE for said in _fitting(register, grounds, name))
    said = [*five, *(one for section in others for one in section.statements())]
    silent = sum(not one.evidenced for one in said)
    rest = tuple(
        one for one in register.of_section(0, grounds) if not one.claim.startswith("in-short-")
    )
    return Section(
        0,
        "In short",
        (
            Claims(five),
            Remark(
                f"{counted(silent, 'statement')} of this report {'is' if silent == 1 else 'are'} "
                "not evidenced; each says so where it stands. What the report does not establish:"
            ),
            Claims(rest),
        ),
    )


def formal(subject: Subject, register: ClaimRegister, grounds: Grounds) -> Section:
    """One sentence for each dataset, and what its numbers were made with."""
    statements: list[Statement] = []
    for dataset in subject.datasets:
        if dataset in subject.figures:
            about = grounds.also(**dataset_facts(subject, dataset))
            ran = bool(subject.figures[dataset].ran)
            claim = "formal-statement" if ran else "formal-nothing"
            statements += register.stated(claim, about)
    return Section(1, "Formal statement", (Claims(tuple(statements)), _versions(subject)))


def _versions(subject: Subject) -> Table:
    stories = [(story, subject.plan_of(story)) for story in subject.approved]
    return table(
        "What was approved to run, in which versions",
        ("request", "recipe", "securefed", "its digest", "libraries", "Python"),
        (
            line(
                story.filed.what,
                at(plan.entry),
                f"{story.request.study.recipe.name} {story.request.study.recipe.version}",
                plan.what.plan.machine.package,
                plan.what.plan.machine.package_digest.short(),
                plan.what.plan.machine.libraries_digest.short(),
                plan.what.plan.machine.interpreter,
            )
            for story, plan in stories
            if plan is not None
        ),
        empty="Nothing was approved.",
    )


def _fitting(register: ClaimRegister, grounds: Grounds, name: str) -> tuple[Statement, ...]:
    wordings = [one for one in register.claims if one == name or one.startswith(f"{name}-")]
    said = [statement for one in wordings for statement in register.stated(one, grounds)]
    return tuple(said[:1])
