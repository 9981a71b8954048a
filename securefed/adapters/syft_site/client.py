"""A data scientist's or coordinator's way to one site: file a request, see it, ask through it.

A request is found again by its function's name, so nothing has to be remembered between two
processes. What the site refuses by name is raised under that name. One client serves any number
of threads.
"""

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from securefed.adapters.syft_site.approved import (
    ARGUMENTS,
    function_name,
    read_source,
    source_of,
)
from securefed.adapters.syft_site.calls import CallFailed, Calls
from securefed.adapters.syft_site.catalogue import Shown, shown
from securefed.adapters.syft_site.pysyft import (
    UID,
    Matches,
    MixedInputPolicy,
    SingleExecutionExactOutput,
    SubmitUserCode,
    UserCodeStatus,
    UserOwned,
    inline,
)
from securefed.domain.errand import (
    Answer,
    Answers,
    Declined,
    Errand,
    Standing,
    Ticketed,
    errand_text,
    error_of,
    read_answer,
)
from securefed.domain.identifiers import AccountId, DatasetId, RequestId, SiteId
from securefed.domain.remote import Filed, Offered
from securefed.domain.request import RequestState, SignedRequest
from securefed.domain.witnessing import Witnessed
from securefed.errors import (
    ApprovalMissing,
    ApprovalWithdrawn,
    ErrandGarbled,
    LoginRefused,
    NotFound,
    SecurefedError,
    SiteUnreachable,
)
from securefed.ports import Signer
from securefed.ports.closing import Closing

_LONGEST_REASON = 400
_STATES = {
    UserCodeStatus.PENDING: RequestState.PENDING,
    UserCodeStatus.APPROVED: RequestState.APPROVED,
    UserCodeStatus.DENIED: RequestState.DENIED,
}


@dataclass(frozen=True, kw_only=True)
class _Code:
    """A request's function at the site."""

    uid: UID
    status: UID
    ref: UID


class SiteClient(Closing):
    """One person's way to one site."""

    def __init__(self, site: SiteId, calls: Calls) -> None:
        self.site = site
        self._calls = calls
        self._codes: dict[RequestId, _Code] = {}
        self.account = self._whoami()

    @classmethod
    def connect(
        cls, site: SiteId, host: str, port: int, signer: Signer, authority: Path | None = None
    ) -> Self:
        """A client of the site at an address; over TLS where the CA's certificate is named."""
        calls = Calls(host, port, signer, authority)
        try:
            return cls(site, calls)
        except SecurefedError:
            calls.close()
            raise

    def close(self) -> None:
        """Ends the connections."""
        self._calls.close()

    def submit(self, signed: SignedRequest) -> None:
        """Files a request; once more is once."""
        request = signed.request.request
        if signed.request.site != self.site:
            raise NotFound(f"{request} is for {signed.request.site}", where=self.site)
        if self._found(request) is None:
            self._called("code.request_code_execution", code=self._code(signed))

    def state(self, request: RequestId) -> Filed:
        """Where a request of one's own stands."""
        status = self._called("code_status.get_by_uid", uid=self._own(request).status)
        (decision,) = status.status_dict.values()
        return Filed(state=_STATES[decision.status], reason=_shown_text(decision.reason or ""))

    def datasets(self) -> tuple[Offered, ...]:
        """What the site offers, with the mocks that it publishes whole."""
        return tuple(
            Offered(card=one.card, mock=self._mock(one) if one.mock else None)
            for one in self._shown().values()
        )

    def ask(self, request: RequestId, errand: Errand) -> Standing | Ticketed | Witnessed | Answers:
        """What the site answers through the request's approved function."""
        code = self._own(request)
        payload = {"request": str(request), "errand": errand_text(errand)}
        try:
            sent = inline(payload)
            self._calls.call("action.set", action_object=sent)
            done = self._calls.call("code.call", uid=code.uid, ref=code.ref, payload=sent.id)
            found = self._calls.call("action.get", uid=done.id)
        except CallFailed:
            raise self._refused(request) from None
        answer = self._answer(found)
        if isinstance(answer, Declined):
            raise error_of(answer, self.site)
        return answer

    def _whoami(self) -> AccountId:
        if self._calls.identity.server_name != self.site:
            raise SiteUnreachable(f"Another site than {self.site} answers", where=self._calls.where)
        try:
            return AccountId(self._calls.call("user.get_current_user").name)
        except CallFailed:
            raise LoginRefused("The site does not know this key", where=self.site) from None

    def _called(self, path: str, **given: Any) -> Any:
        try:
            return self._calls.call(path, **given)
        except CallFailed:
            raise SiteUnreachable(f"The site did not do '{path}'", where=self.site) from None

    def _shown(self) -> dict[DatasetId, Shown]:
        return shown(self._called("dataset.get_all"))

    def _mock(self, one: Shown) -> bytes:
        content = self._called("action.get", uid=one.mock).syft_action_data_cache
        if type(content) is not bytes:
            raise ErrandGarbled("The site's mock is no file", where=self.site)
        return content

    def _code(self, signed: SignedRequest) -> SubmitUserCode:
        dataset = signed.request.dataset
        there = self._shown().get(dataset)
        if there is None:
            raise NotFound(f"There is no dataset {dataset}", where=self.site)
        rules = {
            "ref": Matches(kw="ref", val=there.ref),
            "payload": UserOwned(kw="payload", type=dict),
        }
        positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return SubmitUserCode(
            code=source_of(signed),
            func_name=function_name(signed.request.request),
            signature=inspect.Signature([inspect.Parameter(one, positional) for one in ARGUMENTS]),
            input_policy_type=MixedInputPolicy,
            input_policy_init_kwargs={self._calls.identity: rules},
            output_policy_type=SingleExecutionExactOutput,
            input_kwargs=list(ARGUMENTS),
        )

    def _own(self, request: RequestId) -> _Code:
        code = self._found(request)
        if code is None:
            raise NotFound(f"{request} was not filed by {self.account}", where=self.site)
        return code

    def _found(self, request: RequestId) -> _Code | None:
        if request not in self._codes:
            name = function_name(request)
            codes = self._called("code.get_by_service_func_name", service_func_name=name)
            for code in codes:
                if code.user_verify_key == self._calls.key and _is_of(code.raw_code, request):
                    self._codes[request] = self._kept(code)
        return self._codes.get(request)

    def _kept(self, code: Any) -> _Code:
        (rules,) = code.input_policy_init_kwargs.values()
        return _Code(uid=code.id, status=code.status_link.object_uid, ref=rules["ref"].val)

    def _answer(self, found: Any) -> Answer:
        content = found.syft_action_data_cache
        if type(content) is not dict or type(content.get("answer")) is not str:
            raise ErrandGarbled("The site's answer is none that is known here", where=self.site)
        return read_answer(content["answer"])

    def _refused(self, request: RequestId) -> SecurefedError:
        filed = self.state(request)
        if filed.state is RequestState.APPROVED:
            return SiteUnreachable("The site could not run the function", where=self.site)
        if filed.state is RequestState.PENDING:
            return ApprovalMissing(f"{request} is not approved yet", where=self.site)
        return ApprovalWithdrawn(f"{request} does not run: {filed.reason}", where=self.site)


def _shown_text(text: str) -> str:
    """A text of a site that is not trusted, for a terminal."""
    return "".join(one for one in text[:_LONGEST_REASON] if one.isprintable())


def _is_of(source: str, request: RequestId) -> bool:
    try:
        return read_source(source).request.request == request
    except ErrandGarbled:
        return False
