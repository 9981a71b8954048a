"""Brings PySyft to what the site's ledger says: accounts, datasets, what may run and what may not.

The ledger is the only truth. Each look compares the two and repairs what differs, so a process may
die between any two steps, and nothing that somebody does in PySyft alone lasts. What is taken away
is taken away first. The code behind an approval is compared with its request in each process anew.

    mirror.follow(mirrored(register))      # at the start, and when the ledger's head has moved
    mirror.take_in(mirrored(register))     # every moment: files what is new, forgets what was
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Final

from securefed.adapters.syft_site.accounts import follow_accounts
from securefed.adapters.syft_site.catalogue import Catalogue
from securefed.adapters.syft_site.filed_code import request_in
from securefed.adapters.syft_site.inside import Inside
from securefed.adapters.syft_site.leftovers import Leftovers
from securefed.adapters.syft_site.pysyft import UID, Datasite, UserCodeStatus
from securefed.domain.identifiers import SiteId
from securefed.domain.mirrored import Mirrored
from securefed.domain.request import RequestState, SignedRequest
from securefed.domain.site import DataCard
from securefed.errors import EnvironmentFault, ErrandGarbled, NotAllowedHere, SecurefedError

_LONGEST_REASON: Final = 400
_NOT_YET: Final = "The site's ledger has no approval of this request."
_TWICE: Final = "Another request with the same name was filed before."


class Mirror:
    """PySyft beside one site's ledger. Any thread may call; they take turns."""

    def __init__(
        self,
        datasite: Datasite,
        site: SiteId,
        *,
        mock: Callable[[DataCard], bytes | None],
        file: Callable[[SignedRequest], object],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inside = Inside(datasite)
        self._catalogue = Catalogue(self._inside, site, mock)
        self._site = site
        self._file = file
        self._leftovers = Leftovers(self._inside, now)
        self._turn = Lock()
        self._taken = -1
        self._read: dict[UID, SignedRequest | SecurefedError] = {}

    def follow(self, wanted: Mirrored) -> None:
        """Makes PySyft show what the ledger says. Doing it again changes nothing."""
        with self._turn:
            follow_accounts(self._inside, wanted.scientists, add=False)
            approved = [one for one in self._requests() if not self._denied(one, wanted)]
            self._catalogue.follow(wanted.cards, wanted.erased)
            for request in approved:
                self._set(request, UserCodeStatus.APPROVED, "")
            follow_accounts(self._inside, wanted.scientists, add=True)

    def take_in(self, wanted: Mirrored) -> int:
        """Files what is new in PySyft, and denies there what is no request or is refused.

        It also forgets what calls have left in PySyft. Returns how many were filed; the ledger has
        moved by as many. A failure of the machine comes through, and the request is tried again at
        the next look."""
        with self._turn:
            self._leftovers.forget(self._catalogue.in_use)
            there = len(self._inside.datasite.services.request.stash)
            if there == self._taken:
                return 0
            new = [one for one in self._requests() if self._status(one) is UserCodeStatus.PENDING]
            filed = sum(self._filed(one, wanted) for one in new)
            self._taken = there
            return filed

    def _requests(self) -> list[Any]:
        return list(self._inside.call("request.get_all"))

    def _filed(self, request: Any, wanted: Mirrored) -> bool:
        try:
            signed = self._held(request)
            if signed.request.request in wanted.requests:
                return False
            self._file(signed)
        except EnvironmentFault:
            raise
        except SecurefedError as error:
            self._set(request, UserCodeStatus.DENIED, str(error))
            return False
        return True

    def _denied(self, request: Any, wanted: Mirrored) -> bool:
        """Whether a request is not to be approved; if PySyft says otherwise, then no longer."""
        reason = self._why_not(request, wanted)
        if reason == _NOT_YET and self._status(request) is not UserCodeStatus.APPROVED:
            return True
        if reason is not None:
            self._set(request, UserCodeStatus.DENIED, reason)
        return reason is not None

    def _why_not(self, request: Any, wanted: Mirrored) -> str | None:
        try:
            asked = self._held(request).request
        except EnvironmentFault:
            raise
        except SecurefedError as error:
            return str(error)
        ruled = wanted.requests.get(asked.request)
        if ruled is None or ruled.state is RequestState.PENDING:
            return _NOT_YET
        if ruled.digest != asked.digest:
            return _TWICE
        # A complete study is still fetched from; the site begins nothing more of it.
        if ruled.state in (RequestState.APPROVED, RequestState.COMPLETED):
            return None
        return f"{ruled.state}: {ruled.reason}" if ruled.reason else str(ruled.state)

    def _held(self, request: Any) -> SignedRequest:
        if request.id not in self._read:
            code = self._inside.call("code.get_by_id", uid=request.code_id)
            references = self._catalogue.references()
            try:
                found = request_in(code, self._inside.datasite, self._site, references)
                self._read[request.id] = found
            except (ErrandGarbled, NotAllowedHere) as error:
                self._read[request.id] = error
        read = self._read[request.id]
        if isinstance(read, SecurefedError):
            raise read
        return read

    def _status(self, request: Any) -> UserCodeStatus:
        found = self._inside.call("code_status.get_by_uid", uid=request.status_id)
        (decision,) = found.status_dict.values()
        return decision.status

    def _set(self, request: Any, status: UserCodeStatus, reason: str) -> None:
        approve = status is UserCodeStatus.APPROVED
        # PySyft writes the status first and the history after it, and may die in between.
        applied = [one.applied for one in request.history[-1:]]
        if self._status(request) is status and applied == [approve]:
            return
        if approve:
            self._inside.call("request.apply", uid=request.id)
        else:
            self._inside.call("request.undo", uid=request.id, reason=reason[:_LONGEST_REASON])
