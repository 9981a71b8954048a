"""Verifying a ledger from its first entry: every signature, every effect, every total.

More than opening a site does, in two ways. The site's signature is checked on each entry, not on
the last alone; and each budget's totals are derived again by an accountant that the ledger does not
count with. The first thing that is wrong ends it, with the place.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from securefed.domain.ledger import Head
from securefed.domain.recount import Total, recount
from securefed.ports import Accountant, SignatureChecker
from securefed.steps.keep_ledger import SiteLedger


@dataclass(frozen=True, kw_only=True)
class Auditing:
    """What a ledger is verified with: many signatures at once, and a fresh accountant."""

    checker: SignatureChecker
    accountant: Accountant


@dataclass(frozen=True, kw_only=True)
class LedgerReport:
    """What was checked, all of it well: entries by kind, and every total."""

    head: Head
    kinds: Mapping[str, int]
    totals: tuple[Total, ...]


def verify_ledger(ledger: SiteLedger, auditing: Auditing) -> LedgerReport:
    """Replays and recounts everything, or raises what is wrong first."""
    register, kinds = ledger.audited(auditing.checker.first_bad)
    totals = [
        total
        for book in register.books.values()
        for total in recount(book, auditing.accountant.divergence)
    ]
    return LedgerReport(head=register.head, kinds=kinds, totals=tuple(totals))
