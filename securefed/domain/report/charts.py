"""The figures of a report as points and words; each stands beside a table of the same numbers."""

from datetime import datetime
from decimal import Decimal

from securefed.domain.claims import Source
from securefed.domain.identifiers import DatasetId
from securefed.domain.report.chronicle import AttemptStory
from securefed.domain.report.model import Chart, Drawing, Series, line, table
from securefed.domain.report.subject import DatasetFigures, Subject
from securefed.domain.report.wording import at, at_most, counted, day, derived, free, share, small
from securefed.domain.round import RoundState
from securefed.domain.rules.speak import shown

_HUNDRED = Decimal(100)


def budget_chart(subject: Subject, dataset: DatasetId) -> Chart:
    """The budget over time, as shares of the allowance that was in force."""
    moments = subject.chronicle.budgets[dataset]
    days = (*(one.at for one in moments), subject.asked.at)
    caps, last = [one.cap for one in moments], moments[-1]
    return Chart(
        figure=f"budget-{dataset}",
        title=f"Budget of {dataset} over time",
        alternative=(
            f"Two step lines from {day(moments[0].at)} to {day(subject.asked.at)} under a line at "
            f"100 percent, the allowance. What ran ends at {share(last.charged, last.cap)}; what "
            f"ran or may still run ends at {share(last.counted, last.cap)}."
        ),
        drawing=Drawing.STEPS,
        across="time (UTC)",
        up="percent of the allowance",
        series=(
            _budget_line("what ran or may still run", days, [one.counted for one in moments], caps),
            _budget_line("what ran", days, [one.charged for one in moments], caps),
        ),
        limit=("allowance", _HUNDRED),
        table=table(
            f"Budget of {dataset}, entry by entry",
            ("at", "what ran", "what may still run", "free"),
            (
                line(
                    day(one.at),
                    at(one.entry),
                    share(one.charged, one.cap),
                    share(one.counted - one.charged, one.cap),
                    free(one.cap - one.counted, one.cap),
                )
                for one in moments
            ),
        ),
    )


def round_chart(subject: Subject, dataset: DatasetId) -> Chart | None:
    """ε of each attempt that was charged, and of all so far."""
    rows = [
        (str(subject.rounds[one.attempt.id].number), one, subject.rounds[one.attempt.id])
        for one in _charged(subject, dataset)
    ]
    if not rows:
        return None
    names = tuple(name for name, _, _ in rows)
    last, every = rows[-1][2], _costly(subject, dataset)
    shown_of = counted(every, "attempt")
    if len(rows) < every:
        shown_of = f"{len(rows)} of {shown_of}, spread evenly"
    allowed = subject.figures[dataset].allowance.epsilon
    return Chart(
        figure=f"rounds-{dataset}",
        title=f"Privacy loss on {dataset}, attempt by attempt",
        alternative=(
            f"Bars for {shown_of}. All together they reach ε = {shown(last.so_far)}; the "
            f"allowance is ε = {allowed}. Losses do not add up: ε of several attempts is less than "
            "the sum of theirs."
        ),
        drawing=Drawing.BARS,
        across="attempt, in the order in which they began",
        up="ε",
        series=(
            Series(name="all so far", across=names, up=tuple(_finite(b.so_far) for *_, b in rows)),
            Series(name="by itself", across=names, up=tuple(_finite(b.alone) for *_, b in rows)),
        ),
        limit=("allowance", allowed),
        table=table(
            f"ε on {dataset}: {shown_of}",
            ("attempt", "round", "steps charged", "ended", "ε by itself", "ε of all so far"),
            (
                line(
                    name,
                    derived(one.entries),
                    str(one.attempt.id),
                    f"{one.attempt.steps_charged} of {one.attempt.steps_asked}",
                    _ended(one.attempt.state, one.attempt.cause),
                    shown(figures.alone),
                    shown(figures.so_far),
                )
                for name, one, figures in rows
            ),
        ),
    )


def profile_chart(dataset: DatasetId, figures: DatasetFigures, source: Source) -> Chart:
    """Every (ε, δ) that what ran satisfies."""
    points = figures.profile
    return Chart(
        figure=f"profile-{dataset}",
        title=f"Privacy profile of {dataset}: δ at each ε",
        alternative=(
            "A falling line: the larger ε is, the smaller is δ. It passes "
            f"δ = {small(figures.allowance.delta)} at ε = {shown(figures.loss.epsilon)}."
        ),
        drawing=Drawing.CURVE,
        across="ε",
        up="δ",
        series=(
            Series(
                name="what ran",
                across=tuple(epsilon for epsilon, _ in points),
                up=tuple(delta for _, delta in points),
            ),
        ),
        limit=("δ of the allowance", figures.allowance.delta),
        logarithmic=True,
        table=table(
            f"Privacy profile of {dataset}",
            ("ε", "δ"),
            (line(f"{epsilon:f}", source, at_most(delta)) for epsilon, delta in points),
        ),
    )


def _charged(subject: Subject, dataset: DatasetId) -> list[AttemptStory]:
    """The attempts that cost something."""
    return [
        attempt
        for story, attempt in subject.attempts
        if story.request.dataset == dataset and attempt.attempt.id in subject.rounds
    ]


def _costly(subject: Subject, dataset: DatasetId) -> int:
    """How many of the reported attempts were charged for anything."""
    return sum(
        story.request.dataset == dataset and bool(one.attempt.mechanisms(story.request.part))
        for story, one in subject.attempts
    )


def _budget_line(
    name: str, days: tuple[datetime, ...], values: list[Decimal], caps: list[Decimal]
) -> Series:
    shares = [_HUNDRED * value / cap for value, cap in zip(values, caps, strict=True)]
    return Series(name=name, across=days, up=(*shares, shares[-1]))


def _finite(epsilon: Decimal) -> Decimal:
    """An infinite ε has no bar; the table says that it is infinite."""
    return epsilon if epsilon.is_finite() else Decimal(0)


def _ended(state: RoundState, cause: str | None) -> str:
    return state if cause is None else f"{state}: {cause}"
