"""What a site shows to those who work with it from outside: its datasets, and one's own requests.

Nothing here is proved: it is what the site says. What may run is decided by the site's ledger.
"""

from dataclasses import dataclass

from securefed.domain.request import RequestState
from securefed.domain.site import DataCard


@dataclass(frozen=True, kw_only=True)
class Filed:
    """Where a request stands, as its requester sees it: pending, approved, or denied for good."""

    state: RequestState
    reason: str


@dataclass(frozen=True, kw_only=True)
class Offered:
    """A dataset's card, and its mock where it is small enough to be handed out whole."""

    card: DataCard
    mock: bytes | None
