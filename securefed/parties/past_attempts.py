"""What a site's ledger says of attempts that are not under way.

Promises the same standing before and after a restart, but for the seconds that an attempt's parts
took, which nothing keeps.
"""

from collections import deque

from securefed.domain.blob import BlobId
from securefed.domain.errand import Phase, Released, Spent, Standing
from securefed.domain.identifiers import Digest, RequestId
from securefed.domain.request import RequestState
from securefed.domain.round import RoundId, RoundState
from securefed.domain.run_order import METRICS, UPDATE
from securefed.ports import BlobStore
from securefed.steps.keep_ledger import SiteLedger

_MOST_SPENT = 64


class PastAttempts:
    """Attempts by the ledger. Any thread may ask."""

    def __init__(self, ledger: SiteLedger, blobs: BlobStore) -> None:
        self._ledger, self._blobs = ledger, blobs
        self._spent: deque[tuple[RoundId, Spent]] = deque(maxlen=_MOST_SPENT)

    def took(self, id: RoundId, spent: Spent) -> None:
        """Remembers for a while how long an attempt's parts took."""
        self._spent.append((id, spent))

    def standing(self, id: RoundId) -> Standing | None:
        """Where an attempt ended, or was when its run was last heard of."""
        with self._ledger.held() as register:
            attempt = register.attempt(id)
        if attempt is None:
            return None
        committed = attempt.state is RoundState.COMMITTED
        phase = Phase.DONE if committed else Phase.STARTING if attempt.open else Phase.FAILED
        return Standing(
            id=id,
            ticket=attempt.token,
            phase=phase,
            step=attempt.steps_charged,
            steps=attempt.steps_asked,
            cause=attempt.cause,
            released=self._released(id, attempt.released),
            spent=next((spent for of, spent in list(self._spent) if of == id), None),
        )

    def runs_on(self, request: RequestId) -> bool:
        """Whether more attempts of a request may come."""
        with self._ledger.held() as register:
            filed = register.requests.get(request)
            if filed is None or filed.signed.request.requester in register.suspended:
                return False
            return filed.state is RequestState.APPROVED

    def _released(self, id: RoundId, digests: tuple[Digest, ...]) -> tuple[Released, ...]:
        """The files of a committed attempt that still lie here, in the order of their release."""
        found = []
        for name, digest in zip((UPDATE, METRICS), digests, strict=False):
            held = self._blobs.held(BlobId(of=id, digest=digest))
            if held.whole:
                found.append(Released(file=name, digest=digest, length=held.length))
        return tuple(found)
