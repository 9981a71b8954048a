"""Everything that rules may look at, gathered before any of them is asked.

Rules see these values and nothing else, so that a verdict can be repeated from the ledger alone.
"""

from dataclasses import dataclass
from datetime import datetime

from securefed.domain.identifiers import Name
from securefed.domain.privacy import PrivacyLoss
from securefed.domain.request import CodeRequest
from securefed.domain.site import DataCard, Machine


@dataclass(frozen=True, kw_only=True)
class ReviewFacts:
    """A request beside the site's own view of its cost, its data and its machine."""

    request: CodeRequest
    card: DataCard
    machine: Machine
    loss: PrivacyLoss
    dataset_loss: PrivacyLoss
    requester_loss: PrivacyLoss
    known_families: tuple[Name, ...]
    now: datetime
