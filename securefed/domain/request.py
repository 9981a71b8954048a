"""A code request: one study asked of one site by one account, and the states it passes through.

The requester signs the request's canonical bytes; its name is made from their digest, so two
different requests never share a name. A request moves forward only, and a closed one stays closed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from securefed.domain.identifiers import (
    AccountId,
    DatasetId,
    Digest,
    PublicKey,
    RequestId,
    Signature,
    SiteId,
)
from securefed.domain.privacy import Mechanism
from securefed.domain.records import record_digest
from securefed.domain.study import Participant, Study
from securefed.errors import ConfigInvalid, TransitionInvalid

REQUEST_KIND = "code-request"


@dataclass(frozen=True, kw_only=True)
class CodeRequest:
    """What is asked, of whom, by whom, until when."""

    site: SiteId
    requester: AccountId
    requester_key: PublicKey
    study: Study
    filed_at: datetime
    expires_at: datetime

    def __post_init__(self) -> None:
        self.study.participant(self.site)
        if self.expires_at <= self.filed_at:
            raise ConfigInvalid("A request expires after it is filed")
        if self.expires_at - self.filed_at > timedelta(days=self.study.valid_days):
            raise ConfigInvalid(f"The study's requests live {self.study.valid_days} days at most")

    @cached_property
    def digest(self) -> Digest:
        """The digest of everything asked."""
        return record_digest(REQUEST_KIND, self)

    @cached_property
    def request(self) -> RequestId:
        """The request's name."""
        return RequestId("cr-" + self.digest.removeprefix("sha256:")[:12])

    @property
    def part(self) -> Participant:
        """What is asked of this site."""
        return self.study.participant(self.site)

    @property
    def dataset(self) -> DatasetId:
        """The dataset that would be read."""
        return self.part.dataset

    @property
    def whole(self) -> tuple[Mechanism, ...]:
        """All that an approval would allow."""
        return self.study.whole(self.site)


@dataclass(frozen=True, kw_only=True)
class SignedRequest:
    """A request with its requester's signature, as it travels."""

    request: CodeRequest
    signature: Signature


class RequestState(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    REVOKED = "revoked"
    EXPIRED = "expired"
    COMPLETED = "completed"

    @property
    def closed(self) -> bool:
        """Whether the request can never run again."""
        return self not in (RequestState.PENDING, RequestState.APPROVED)


_NEXT = {
    RequestState.PENDING: {RequestState.APPROVED, RequestState.DENIED, RequestState.EXPIRED},
    RequestState.APPROVED: {RequestState.REVOKED, RequestState.EXPIRED, RequestState.COMPLETED},
}


def moved(now: RequestState, to: RequestState) -> RequestState:
    """The next state, if it may follow."""
    if to not in _NEXT.get(now, set()):
        raise TransitionInvalid(f"A request that is {now} cannot become {to}")
    return to
