"""Every ε that evidence states, derived again from the ledger by an accountant of one's own.

There are two kinds: what ran, per dataset and study, which a part states, and the three losses in
each approved plan, which a reviewer read. A ledger cannot repeat the second kind when it replays,
so a forged one is found here: derived from the register as it was just before the approval.

Figures agree within a hundredth of a percent, because another release of a library may round
differently. Two accountants of different methods agree less well, within `FAR`.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeAlias

from securefed.domain.budget import Book
from securefed.domain.decision import Approval
from securefed.domain.evidence import Figure
from securefed.domain.identifiers import DatasetId, StudyId
from securefed.domain.privacy import Mechanism, PrivacyLoss, gathered
from securefed.domain.register import Register
from securefed.errors import EvidenceInvalid

Loss: TypeAlias = Callable[[tuple[Mechanism, ...], Decimal], PrivacyLoss]
Work: TypeAlias = tuple[DatasetId, StudyId | None, tuple[Mechanism, ...], Decimal]

_NEAR = Decimal("0.0001")
_GRAIN = Decimal("0.000002")
# What the second accountant adds for its own error in ε, and a fiftieth for the two methods.
FAR = (Decimal("0.03"), Decimal("0.02"))


def work_of(register: Register, study: StudyId | None) -> list[Work]:
    """What ran on each dataset with an allowance: in all and for each study, or for one study."""
    found: list[Work] = []
    for dataset, book in sorted(register.books.items()):
        if book.allowance is None:
            continue
        delta = book.allowance.delta
        studies = sorted({hold.request.study.study for hold in book.holds.values()})
        wanted = [None, *(one for one in studies if study in (None, one))]
        found += [(dataset, one, _executed(book, one), delta) for one in wanted]
    return found


def figures_of(register: Register, study: StudyId | None, loss: Loss) -> tuple[Figure, ...]:
    """What a site states."""
    return tuple(
        Figure(dataset=dataset, study=one, loss=loss(work, delta))
        for dataset, one, work, delta in work_of(register, study)
    )


def check_figures(stated: tuple[Figure, ...], derived: tuple[Figure, ...]) -> None:
    """Refuses figures that do not come out, or that are not about what ran."""
    if [_about(one) for one in stated] != [_about(one) for one in derived]:
        raise EvidenceInvalid("The figures are not those of every dataset and study that ran")
    for mine, theirs in zip(derived, stated, strict=True):
        check_same(_about(mine), theirs.loss, mine.loss)


def check_approval(register: Register, approval: Approval, loss: Loss) -> None:
    """Refuses an approval whose plan shows another loss than what the register amounts to."""
    plan, request = approval.plan, approval.plan.request
    book, delta = register.book(request.dataset), plan.loss.delta
    before, own = book.mechanisms(), book.mechanisms(request.requester)
    for what, stated, work in (
        ("request", plan.loss, request.whole),
        ("dataset", plan.dataset_loss, before + request.whole),
        ("requester", plan.requester_loss, own + request.whole),
    ):
        check_same(f"{approval.request}, the {what}'s loss", stated, loss(work, delta))


def check_same(what: str, stated: PrivacyLoss, derived: PrivacyLoss) -> None:
    """Refuses a statement that does not come out."""
    if (stated.delta, stated.adjacency) != (derived.delta, derived.adjacency):
        raise EvidenceInvalid(f"{what}: stated for another δ or adjacency")
    for name, theirs, mine in (
        ("ε", stated.epsilon, derived.epsilon),
        ("the upper bound", stated.upper_bound, derived.upper_bound),
        ("ε under replacing one", stated.replace_one, derived.replace_one),
    ):
        if not _near(theirs, mine):
            raise EvidenceInvalid(f"{what}: {name} is stated as {theirs}, and comes out as {mine}")


def check_second(figures: Iterable[tuple[Decimal, Decimal | None]]) -> int:
    """Refuses a first figure that a second accountant contradicts; how many it had no figure for.

    Both are upper bounds by other methods, so neither must be the smaller."""
    silent = 0
    for first, second in figures:
        if second is None:
            silent += 1
        elif first != second and abs(first - second) > FAR[0] + FAR[1] * min(first, second):
            raise EvidenceInvalid(f"ε is stated as {first}; the second accountant says {second}")
    return silent


def _executed(book: Book, study: StudyId | None) -> tuple[Mechanism, ...]:
    holds = [one for one in book.holds.values() if study in (None, one.request.study.study)]
    return gathered(tuple(one for hold in holds for one in hold.executed))


def _about(figure: Figure) -> str:
    return f"{figure.dataset}, {figure.study or 'all studies'}"


def _near(stated: Decimal, derived: Decimal) -> bool:
    if stated.is_infinite() or derived.is_infinite():
        return stated == derived
    return abs(stated - derived) <= _GRAIN + _NEAR * derived
