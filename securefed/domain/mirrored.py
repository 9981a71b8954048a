"""What of a ledger PySyft has to show: who may call, which datasets there are, what may run.

A snapshot, taken in an instant while the ledger is held, so that bringing PySyft to it, which takes
longer, holds up nobody. It keeps no more than that, and nothing of it is secret to the owner.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from securefed.domain.identifiers import AccountId, DatasetId, Digest, RequestId
from securefed.domain.register import FiledRequest, Register
from securefed.domain.request import RequestState
from securefed.domain.site import Account, DataCard, Role


@dataclass(frozen=True, kw_only=True)
class Ruled:
    """What the ledger says of a request: its whole digest, where it stands, and why."""

    digest: Digest
    state: RequestState
    reason: str


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """All that PySyft has to show."""

    scientists: tuple[Account, ...]
    cards: tuple[DataCard, ...]
    erased: frozenset[DatasetId]
    requests: Mapping[RequestId, Ruled]


def mirrored(register: Register) -> Mirrored:
    """What PySyft has to show of a register, as it is now."""
    scientists = tuple(
        one
        for name, one in register.accounts.items()
        if Role.SCIENTIST in one.roles and name not in register.suspended
    )
    callers = {one.account for one in scientists}
    return Mirrored(
        scientists=scientists,
        cards=tuple(register.cards.values()),
        erased=frozenset(register.erased),
        requests={name: _ruled(one, callers) for name, one in register.requests.items()},
    )


def _ruled(filed: FiledRequest, callers: set[AccountId]) -> Ruled:
    request, state, reason = filed.signed.request, filed.state, filed.reason
    if not state.closed and request.requester not in callers:
        state, reason = RequestState.REVOKED, f"the account {request.requester} is suspended"
    return Ruled(digest=request.digest, state=state, reason=reason)
