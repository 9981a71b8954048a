"""What can happen at a site, and the entry that records it.

`material` says whether an event may change what a review plan shows: rounds that run inside their
reservation do not, so a site that is busy training does not make every open plan stale.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeAlias

from securefed.domain.decision import SignedDecision
from securefed.domain.identifiers import Digest, Name, RequestId, SiteId
from securefed.domain.numbers import count
from securefed.domain.protection import SignedProof
from securefed.domain.request import RequestState, SignedRequest
from securefed.domain.round import RoundId
from securefed.domain.site import Account, Site
from securefed.errors import ConfigInvalid


@dataclass(frozen=True, kw_only=True)
class SiteFounded:
    """The first entry: the site, and the owner who decides until others are admitted."""

    kind: ClassVar[str] = "site-founded"
    material: ClassVar[bool] = True
    site: Site
    owner: Account


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A person with authority decided."""

    kind: ClassVar[str] = "decided"
    material: ClassVar[bool] = True
    decided: SignedDecision


@dataclass(frozen=True, kw_only=True)
class RequestFiled:
    """A data scientist asked. It changes no other plan, so asking makes no plan stale."""

    kind: ClassVar[str] = "request-filed"
    material: ClassVar[bool] = False
    filed: SignedRequest


@dataclass(frozen=True, kw_only=True)
class RequestClosed:
    """A request ended by itself: completed or expired."""

    kind: ClassVar[str] = "request-closed"
    material: ClassVar[bool] = True
    request: RequestId
    state: RequestState


@dataclass(frozen=True, kw_only=True)
class RoundReserved:
    """An attempt at a round may begin, for whoever shows the token with this digest."""

    kind: ClassVar[str] = "round-reserved"
    material: ClassVar[bool] = False
    id: RoundId
    token: Digest


@dataclass(frozen=True, kw_only=True)
class StepsAuthorised:
    """Steps up to this one are charged, and may now run."""

    kind: ClassVar[str] = "steps-authorised"
    material: ClassVar[bool] = False
    id: RoundId
    up_to: int


@dataclass(frozen=True, kw_only=True)
class RoundCommitted:
    """An attempt finished with exactly its authorised steps, and these releases."""

    kind: ClassVar[str] = "round-committed"
    material: ClassVar[bool] = False
    id: RoundId
    steps_run: int
    released: tuple[Digest, ...]


@dataclass(frozen=True, kw_only=True)
class RoundAborted:
    """An attempt failed; its authorised steps stay charged."""

    kind: ClassVar[str] = "round-aborted"
    material: ClassVar[bool] = False
    id: RoundId
    cause: Name


@dataclass(frozen=True, kw_only=True)
class RoundRefunded:
    """An attempt never began, and costs nothing."""

    kind: ClassVar[str] = "round-refunded"
    material: ClassVar[bool] = False
    id: RoundId
    cause: Name


@dataclass(frozen=True, kw_only=True)
class ProtectionTested:
    """The coordinator showed how its self-test for an attempt ended, before anything was sealed."""

    kind: ClassVar[str] = "protection-tested"
    material: ClassVar[bool] = False
    id: RoundId
    tested: SignedProof


@dataclass(frozen=True, kw_only=True)
class RefusedCalls:
    """How many calls were refused for one reason."""

    reason: Name
    count: int

    def __post_init__(self) -> None:
        count("refused calls", self.count, most=10**12)


@dataclass(frozen=True, kw_only=True)
class CallsRefused:
    """What the site turned away since a moment, by reason; nothing of what was sent is kept."""

    kind: ClassVar[str] = "calls-refused"
    material: ClassVar[bool] = False
    since: datetime
    refused: tuple[RefusedCalls, ...]

    def __post_init__(self) -> None:
        reasons = [one.reason for one in self.refused]
        if not reasons or reasons != sorted(set(reasons)):
            raise ConfigInvalid("Refused calls are sorted by reason, and each stands once")


RoundEvent: TypeAlias = (
    RoundReserved | StepsAuthorised | RoundCommitted | RoundAborted | RoundRefunded
)
Event: TypeAlias = (
    SiteFounded
    | Decided
    | RequestFiled
    | RequestClosed
    | RoundEvent
    | ProtectionTested
    | CallsRefused
)


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """One event in its place: which site, which index, after which entry, when."""

    format_version: int
    site: SiteId
    index: int
    previous: Digest
    at: datetime
    event: Event
