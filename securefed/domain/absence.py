"""A custodian that is away while a study runs: what that means, and how long it is awaited.

A custodian is away when it can't be reached, when its answer breaks off, and while it is busy. One
that says no is here, and is believed. Promises that it is awaited as long as a round may take and
not longer, and that it is asked again after a second, later less often, since each time its sum is
read and signed anew.
"""

from dataclasses import dataclass

from securefed.domain.identifiers import Name
from securefed.errors import (
    CustodianBusy,
    CustodianOverdue,
    CustodianUnreachable,
    SecurefedError,
)

_SOONEST_S, _LATEST_S = 1.0, 10.0
_SHARE = 0.1


def is_away(error: SecurefedError) -> bool:
    """Whether the same request may be answered later."""
    return isinstance(error, CustodianUnreachable | CustodianBusy)


@dataclass(frozen=True, kw_only=True)
class Absence:
    """A custodian that does not answer a request, since when, and how long it is awaited."""

    custodian: Name
    since: float
    limit_s: float

    def pause(self, now: float, last: SecurefedError) -> float:
        """The seconds until it is asked again; refuses once its time is over. `last` is what it
        failed with now."""
        waited = now - self.since
        if waited >= self.limit_s:
            raise CustodianOverdue(
                f"{self.custodian} was awaited for {_spoken(waited)}. {last}",
                where=self.custodian,
            )
        soon = max(_SOONEST_S, min(waited * _SHARE, _LATEST_S))
        return min(soon, max(_SOONEST_S, self.limit_s - waited))

    def told(self, first: SecurefedError) -> str:
        """Who is awaited, and why, for people."""
        return f"{self.custodian}: {first}; it is asked again for {_spoken(self.limit_s)}"


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
