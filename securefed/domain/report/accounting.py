"""Sections 4, 5 and 6: what was done to the data, what it cost, and whether all was paid for."""

from securefed.domain.attack import AttackReport
from securefed.domain.claims import ClaimRegister, Grounds, Source
from securefed.domain.identifiers import Digest
from securefed.domain.report.charts import budget_chart, profile_chart, round_chart
from securefed.domain.report.grounds import dataset_facts
from securefed.domain.report.model import Block, Claims, Remark, Section, Table, line, table
from securefed.domain.report.subject import Subject, steps_of
from securefed.domain.report.wording import at, day, derived, listed, loss_words, share, small
from securefed.domain.rules.speak import shown

_SHARES = Remark(
    "Shares of an allowance are shares of what the ledger counts: the Rényi divergence at one "
    "fixed order, which adds up from run to run. ε does not: the first run costs more of it than a "
    "later one like it, so a share of ε would say something else."
)


def mechanisms(subject: Subject, register: ClaimRegister, grounds: Grounds) -> Section:
    """Section 4."""
    blocks: list[Block] = [Claims(register.of_section(4, grounds)), _ran(subject), _costs(subject)]
    for dataset in subject.datasets:
        figures = subject.figures.get(dataset)
        if figures is not None and figures.ran:
            rounds = round_chart(subject, dataset)
            blocks += [] if rounds is None else [rounds]
            blocks.append(profile_chart(dataset, figures, subject.charges(dataset)))
    if subject.asked.attack is not None:
        blocks.append(_attacked(*subject.asked.attack))
    return Section(4, "Mechanisms and accounting", tuple(blocks))


def budget(subject: Subject, register: ClaimRegister, grounds: Grounds) -> Section:
    """Section 5."""
    blocks: list[Block] = [Claims(register.of_section(5, grounds)), _SHARES, _budgets(subject)]
    blocks += [
        budget_chart(subject, one) for one in subject.datasets if one in subject.chronicle.budgets
    ]
    blocks += [_granted(subject), _recounted(subject), _refused(subject)]
    return Section(5, "Budget: granted, promised, spent", tuple(blocks))


def paid_for(subject: Subject, register: ClaimRegister, grounds: Grounds) -> Section:
    """Section 6."""
    return Section(
        6,
        "Preprocessing and tuning",
        (
            Claims(register.of_section(6, grounds)),
            Remark(
                "Every approved request of a dataset is a run on real data, whichever study this "
                "report is about. Several of one study, or studies with names like NAME-t01, are "
                "how settings are tuned. What a recipe computes from the data before training "
                "would stand here as a mechanism of its own."
            ),
            _runs(subject),
        ),
    )


def _ran(subject: Subject) -> Table:
    return table(
        "What ran, over all studies of the dataset",
        ("dataset", "mechanism"),
        (
            line(dataset, subject.charges(dataset), steps_of(one))
            for dataset in subject.datasets
            if dataset in subject.figures
            for one in subject.figures[dataset].ran
        ),
        empty="Nothing ran.",
    )


def _costs(subject: Subject) -> Table:
    lines = []
    for dataset in subject.datasets:
        if (figures := subject.figures.get(dataset)) is not None:
            loss, facts = figures.loss, dataset_facts(subject, dataset)
            source = subject.charges(dataset) or derived(subject.whole.entries)
            lines.append(
                line(
                    dataset,
                    source,
                    small(loss.delta),
                    f"{shown(loss.epsilon)} ({loss.accountant})",
                    shown(loss.upper_bound),
                    facts["second"],
                    shown(loss.replace_one),
                )
            )
    return table(
        "Privacy loss of what ran, by several methods",
        (
            "dataset",
            "δ",
            "ε, add or remove one",
            "bound by Rényi DP",
            f"cross-check by {subject.second_name}",
            "ε, replace one",
        ),
        lines,
        empty="No allowance was granted.",
    )


def _attacked(digest: Digest, report: AttackReport) -> Table:
    source = Source(how=f"an audit's result, {digest.short()}")
    return table(
        "Attacks on the training engine, on made-up records",
        ("tried", "outcome", "found", "can show", "cannot show"),
        (
            line(one.tried, source, one.outcome, one.result, one.shows, one.cannot)
            for one in report.lines
        ),
    )


def _budgets(subject: Subject) -> Table:
    lines = []
    for dataset in subject.datasets:
        figures, moments = subject.figures.get(dataset), subject.chronicle.budgets.get(dataset)
        if figures is None or moments is None:
            continue
        now, granted = moments[-1], subject.chronicle.grants[dataset][-1]
        lines.append(
            line(
                dataset,
                derived((granted.entry, now.entry)),
                f"ε = {figures.allowance.epsilon} at δ = {small(figures.allowance.delta)}",
                share(now.charged, now.cap),
                share(now.counted - now.charged, now.cap),
                loss_words(figures.promised),
                str(figures.allowance.order),
            )
        )
    return table(
        "Budget of each dataset, over all studies and requesters",
        ("dataset", "allowed", "ran", "may still run", "loss if all of it runs", "Rényi order"),
        lines,
        empty="No allowance was granted.",
    )


def _granted(subject: Subject) -> Table:
    return table(
        "Allowances granted",
        ("dataset", "at", "allowed", "shares", "until", "by", "reason"),
        (
            line(
                dataset,
                at(noted.entry),
                day(noted.at),
                f"ε = {noted.what.allowance.epsilon} at δ = {small(noted.what.allowance.delta)}",
                listed(
                    (f"{one.account}: ε = {one.epsilon}" for one in noted.what.allowance.shares),
                    "none",
                ),
                "no end"
                if noted.what.allowance.expires_at is None
                else day(noted.what.allowance.expires_at),
                noted.what.by,
                noted.what.reason,
            )
            for dataset in subject.datasets
            for noted in subject.chronicle.grants.get(dataset, [])
        ),
    )


def _recounted(subject: Subject) -> Table:
    return table(
        "Every total, counted again by another library; reserved is what open requests hold",
        ("dataset", "total", "order", "as counted", "as it comes out anew"),
        (
            line(
                dataset,
                subject.charges(dataset) or derived(subject.whole.entries),
                one.what,
                str(one.order),
                f"{one.counted:.6f}",
                f"{one.recomputed:.6f}",
            )
            for dataset in subject.datasets
            if dataset in subject.figures
            for one in subject.figures[dataset].totals
        ),
    )


def _refused(subject: Subject) -> Table:
    return table(
        "Calls that the site turned away",
        ("since", "reason", "calls"),
        (
            line(day(noted.what.since), at(noted.entry), one.reason, f"{one.count:,}")
            for noted in subject.chronicle.refused
            for one in noted.what.refused
        ),
        empty="No refused call is recorded.",
    )


def _runs(subject: Subject) -> Table:
    lines = []
    for story in subject.ever_approved:
        ran = [one for one in story.attempts.values() if one.attempt.steps_charged]
        entries = [index for one in ran for index in one.entries]
        parameters = (f"{one.name} = {one.value}" for one in story.request.study.recipe.parameters)
        lines.append(
            line(
                story.filed.what,
                derived(entries) or at(story.filed.entry),
                story.request.study.study,
                listed(parameters, "none"),
                f"{len(ran)} of {story.request.study.attempts}",
                f"{sum(one.attempt.steps_charged for one in ran):,}",
            )
        )
    return table(
        "Runs on real data, and what they were charged",
        ("request", "study", "settings", "attempts charged", "steps charged"),
        lines,
        empty="Nothing was approved.",
    )
