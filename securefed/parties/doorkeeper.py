"""The doorkeeper: counts what a site turned away, and enters the counts into the ledger.

Promises at most one entry in a span of time, however much is knocked, so that a stranger cannot
fill the ledger. What was counted and not entered yet is lost with the process, and with nothing
less: counts that can't be written are kept for the next entry.
"""

from collections import Counter
from datetime import datetime, timedelta
from threading import Lock

from securefed.domain.event import CallsRefused, RefusedCalls
from securefed.domain.identifiers import Name
from securefed.steps.keep_ledger import SiteLedger

_SPAN = timedelta(minutes=1)


class Doorkeeper:
    """Any thread may tell it of a refusal; one calls `enter` now and then, and at the end."""

    def __init__(self, ledger: SiteLedger) -> None:
        self._ledger = ledger
        self._counting = Lock()
        self._counts: Counter[Name] = Counter()
        self._since: datetime = ledger.now()
        self._entered = self._since - _SPAN

    def refused(self, reason: Name) -> None:
        """Counts a refusal."""
        with self._counting:
            self._counts[reason] += 1

    def enter(self, *, at_end: bool = False) -> None:
        """Enters what was counted, if the last entry is long enough ago or none follows."""
        now = self._ledger.now()
        with self._counting:
            if not self._counts or (now - self._entered < _SPAN and not at_end):
                return
            counts, since = Counter(self._counts), self._since
            self._entered = now
        refused = tuple(RefusedCalls(reason=one, count=counts[one]) for one in sorted(counts))
        self._ledger.record(CallsRefused(since=since, refused=refused))
        with self._counting:
            self._counts -= counts
            self._since = now
