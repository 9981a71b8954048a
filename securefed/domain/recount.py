"""Every total of a budget, derived again from what its requests did, by an accountant of one's own.

The budget counts with the core's arithmetic (`renyi`) as entries come in. Here the mechanisms of
each request are gathered anew and handed to whatever computes divergences, another library for
choice, and the two figures are held against each other. They agree when ours is not below theirs
and not above by more than rounding, so neither a lost charge nor a charge out of nowhere goes by.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from securefed.domain.budget import Book
from securefed.domain.identifiers import DatasetId
from securefed.domain.privacy import Mechanism
from securefed.domain.tally import Tally
from securefed.errors import LedgerBroken

Divergence: TypeAlias = Callable[[tuple[Mechanism, ...], int], Decimal]

_BELOW = Decimal("1e-9")
_ABOVE = Decimal("1e-6")
_LEAST = Decimal("1e-9")
# Both round each action up on a grain of 1e-12 or finer.
_GRAIN = Decimal("1e-12")


@dataclass(frozen=True, kw_only=True)
class Total:
    """One figure of a budget, as it is counted and as it comes out anew."""

    dataset: DatasetId
    what: str
    order: int
    counted: Decimal
    recomputed: Decimal
    actions: int

    @property
    def agrees(self) -> bool:
        """Whether the two are the same but for rounding; ours may be the larger."""
        ours, theirs = self.counted, self.recomputed
        grain = _GRAIN * (self.actions + 1)
        return (
            ours.is_finite()
            and theirs.is_finite()
            and theirs * (1 - _BELOW) - grain <= ours <= theirs * (1 + _ABOVE) + _LEAST + grain
        )


def recount(book: Book, divergence: Divergence) -> tuple[Total, ...]:
    """Every total of a dataset's budget; a figure that does not come out breaks the ledger."""
    totals = tuple(_totals(book, divergence))
    for total in totals:
        if not total.agrees:
            raise LedgerBroken(
                f"{total.what} is counted as {total.counted:.9f} but comes out as "
                f"{total.recomputed:.9f} at order {total.order}",
                where=f"dataset {total.dataset}",
            )
    return totals


def _totals(book: Book, divergence: Divergence) -> Iterator[Total]:
    if book.allowance is None:
        return
    figures = {"spent": book.spent, "reserved": book.reserved}
    work = {"spent": Tally(), "reserved": Tally()}
    for hold in book.holds.values():
        who = f"by {hold.request.requester}"
        figures[who] = book.counted_for(hold.request.requester)
        mechanisms = hold.counted_mechanisms
        work["spent" if hold.closed else "reserved"].add(mechanisms)
        work.setdefault(who, Tally()).add(mechanisms)
    for what, counted in figures.items():
        mechanisms = work[what].mechanisms()
        yield Total(
            dataset=book.dataset,
            what=what,
            order=book.allowance.order,
            counted=counted,
            recomputed=divergence(mechanisms, book.allowance.order),
            actions=sum(one.times for one in mechanisms),
        )
