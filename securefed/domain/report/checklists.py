"""Section 9: published checklists, each question evidenced, attested or not covered."""

from collections import Counter

from securefed.domain.claims import ClaimRegister, Grounds
from securefed.domain.report.model import Block, Cell, Claims, Line, Remark, Section, table
from securefed.domain.report.subject import Subject
from securefed.domain.report.wording import listed
from securefed.domain.standards import Answer, Answered, Standard, answers


def checklists(subject: Subject, register: ClaimRegister, grounds: Grounds) -> Section:
    """Section 9."""
    blocks: list[Block] = [
        Claims(register.of_section(9, grounds)),
        Remark(
            "“Evidenced” points to the ledger or to what was checked for this report. “Attested” "
            "is the owner's word, which nobody checked here. “Not covered” is neither."
        ),
    ]
    for standard in subject.asked.standards:
        found = answers(standard, register, grounds, subject.asked.attestations)
        blocks += _checklist(standard, found)
    return Section(9, "Hazards and questions", tuple(blocks))


def _checklist(standard: Standard, found: tuple[Answer, ...]) -> tuple[Block, ...]:
    number = Counter(one.how for one in found)
    tally = listed(f"{number[how]} {how}" for how in Answered)
    lines = (
        Line(one.asks, (Cell(one.how, one.source), Cell(one.says or "—", one.source)))
        for one in found
    )
    return (
        Remark(f"{standard.title}: {len(found)} questions, {tally}. {standard.source}"),
        table(standard.title, ("question", "answer", "in words"), lines),
    )
