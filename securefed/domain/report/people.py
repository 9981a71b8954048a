"""Section 7: who asked for what, which plan was approved by whom and why, and how it ended."""

from securefed.domain.claims import NOT_EVIDENCED, ClaimRegister, Grounds
from securefed.domain.decision import Approval
from securefed.domain.report.chronicle import Noted, RequestStory
from securefed.domain.report.model import Cell, Claims, Line, Section, Table, line, table
from securefed.domain.report.subject import Subject
from securefed.domain.report.wording import at, day, loss_words


def approvals(subject: Subject, register: ClaimRegister, grounds: Grounds) -> Section:
    """Section 7."""
    return Section(
        7,
        "Approvals",
        (
            Claims(register.of_section(7, grounds)),
            _requests(subject),
            _decisions(subject),
            _findings(subject),
            _changes(subject),
            _policies(subject),
        ),
    )


def _requests(subject: Subject) -> Table:
    return table(
        "Requests",
        ("request", "study", "requested by", "filed", "digest", "ended"),
        (
            Line(
                story.filed.what,
                (
                    *line("", at(story.filed.entry), *_asked(story)).cells,
                    _ending(story),
                ),
            )
            for story in subject.requests
        ),
        empty="Nobody has asked for anything.",
    )


def _asked(story: RequestStory) -> tuple[str, ...]:
    request = story.request
    return (
        f"{request.study.title} ({request.study.study})",
        request.requester,
        day(story.filed.at),
        request.digest.short(),
    )


def _ending(story: RequestStory) -> Cell:
    if story.ended is None:
        words = "open" if story.approvals else "waits for a decision"
        entries = [story.filed.entry, *(one.entry for one in story.approvals)]
        return Cell(words, at(entries[-1]))
    state, why = story.ended.what
    return Cell(f"{state}{f', {why}' if why else ''}", at(story.ended.entry))


def _decisions(subject: Subject) -> Table:
    return table(
        "Approvals, each of exactly one plan",
        ("request", "by", "at", "plan", "loss shown in it", "verdict", "reason"),
        (
            line(
                approval.what.request,
                at(approval.entry),
                approval.what.by,
                day(approval.at),
                approval.what.plan_digest,
                loss_words(approval.what.plan.loss),
                f"{approval.what.plan.verdict} by {approval.what.plan.policy}",
                approval.what.reason,
            )
            for approval in _given(subject)
        ),
        empty="Nothing was approved.",
    )


def _findings(subject: Subject) -> Table:
    return table(
        "What the policy found in each approved plan",
        ("request", "rule", "says", "reason"),
        (
            line(one.request.request, at(noted.entry), found.rule, found.level, found.reason)
            for story in subject.approved
            if (noted := subject.plan_of(story)) is not None
            for one in [noted.what.plan]
            for found in one.findings
        ),
        empty="The policy had no objection and no note.",
    )


def _changes(subject: Subject) -> Table:
    """What a plan changes against the one approved before, for the same study."""
    lines = []
    for story in subject.approved:
        noted = subject.plan_of(story)
        if noted is None:
            continue
        plan, name = noted.what.plan, story.filed.what
        if plan.earlier is None:
            lines.append(line(name, at(noted.entry), "first plan of its study", "", ""))
        elif not plan.changes:
            lines.append(line(name, at(noted.entry), f"nothing since {plan.earlier}", "", ""))
        lines += [
            line(name, at(noted.entry), one.what, one.before, one.after) for one in plan.changes
        ]
    return table(
        "What changed since the study's last approved plan",
        ("request", "what", "before", "after"),
        lines,
        empty="Nothing was approved.",
    )


def _policies(subject: Subject) -> Table:
    lines = [
        line(
            noted.what.policy.name,
            at(noted.entry),
            noted.what.policy.digest,
            day(noted.at),
            f"{len(noted.what.policy.rules)}",
            noted.what.by,
            noted.what.reason,
        )
        for noted in subject.chronicle.policies
    ]
    if not lines:
        cells = (Cell("everything is refused", NOT_EVIDENCED),) + (Cell("", NOT_EVIDENCED),) * 4
        lines = [Line("none", cells)]
    headings = ("policy", "digest", "adopted", "rules", "by", "reason")
    return table("Policies", headings, lines)


def _given(subject: Subject) -> list[Noted[Approval]]:
    return [noted for story in subject.requests for noted in story.approvals]
