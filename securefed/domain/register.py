"""The state of a site: everything that its ledger's entries amount to, and what it can be asked.

Nothing here changes anything by itself: `replay` applies entries, `acts` says what each one does.
"""

from dataclasses import dataclass, field
from datetime import datetime

from securefed.domain.budget import Book
from securefed.domain.decision import Approval
from securefed.domain.identifiers import (
    AccountId,
    DatasetId,
    Digest,
    Name,
    RequestId,
    StudyId,
)
from securefed.domain.ledger import EMPTY, Head, Verify
from securefed.domain.plan import ReviewPlan
from securefed.domain.policy import Policy
from securefed.domain.protection import Proof
from securefed.domain.request import CodeRequest, RequestState, SignedRequest
from securefed.domain.round import Round, RoundId
from securefed.domain.site import Account, DataCard, Role, Site
from securefed.errors import (
    ApprovalExpired,
    ApprovalMissing,
    ApprovalWithdrawn,
    DataErased,
    LedgerBroken,
    NotAllowedHere,
    NotFound,
    SitePaused,
)


@dataclass
class FiledRequest:
    """A request as filed, where it stands, and who approved which plan."""

    signed: SignedRequest
    state: RequestState = RequestState.PENDING
    approvals: list[Approval] = field(default_factory=list)
    approved_plan: ReviewPlan | None = None
    reason: str = ""


class Register:
    """A site's state."""

    def __init__(self, verify: Verify) -> None:
        self.verify = verify
        self.head: Head = EMPTY
        self.last_at: datetime | None = None
        self.founded: Site | None = None
        self.adopted: Policy | None = None
        self.accounts: dict[AccountId, Account] = {}
        self.suspended: set[AccountId] = set()
        self.cards: dict[DatasetId, DataCard] = {}
        self.erased: dict[DatasetId, DataCard] = {}
        self.paused = False
        self.books: dict[DatasetId, Book] = {}
        self.requests: dict[RequestId, FiledRequest] = {}
        self.approved: dict[StudyId, list[ReviewPlan]] = {}
        self.families: set[Name] = set()
        self.tokens: set[Digest] = set()
        self.proofs: dict[RoundId, Proof] = {}
        self.data: dict[Digest, DatasetId] = {}
        self.decided_at: dict[tuple[str, str], datetime] = {}
        self.material: list[tuple[Head, RequestId | None]] = [(EMPTY, None)]

    @property
    def site(self) -> Site:
        """The site; a ledger without its first entry has none."""
        if self.founded is None:
            raise LedgerBroken("The ledger has no first entry")
        return self.founded

    @property
    def policy(self) -> Policy:
        """The policy in force. Before one is adopted, the empty policy refuses everything."""
        return self.adopted or Policy(name=Name("none"), rules=())

    def card(self, dataset: DatasetId) -> DataCard:
        """A dataset's newest card, while its data may be used."""
        if dataset in self.erased:
            raise DataErased(f"{dataset} is erased at {self.site.site}")
        if dataset not in self.cards:
            raise NotFound(f"There is no dataset {dataset} at {self.site.site}")
        return self.cards[dataset]

    def book(self, dataset: DatasetId) -> Book:
        """A dataset's budget, which an erased dataset keeps."""
        if dataset not in self.books:
            self.card(dataset)
        return self.books[dataset]

    def last_card(self, dataset: DatasetId) -> DataCard | None:
        """A dataset's newest card, of erased data too; none where there never was one."""
        return self.cards.get(dataset) or self.erased.get(dataset)

    def check_open(self) -> None:
        """Raises SitePaused while nothing may begin here."""
        if self.paused:
            raise SitePaused(f"{self.site.site} is paused")

    def attempt(self, id: RoundId) -> Round | None:
        """An attempt at a round of a filed request, if it has begun."""
        hold = self.book_of(id).holds.get(id.request)
        return None if hold is None else hold.rounds.get(id)

    def book_of(self, id: RoundId) -> Book:
        """The budget that an attempt is charged to."""
        return self.book(self.request(id.request).signed.request.dataset)

    def request(self, request: RequestId) -> FiledRequest:
        """A filed request."""
        if request not in self.requests:
            raise NotFound(f"There is no request {request} at {self.site.site}")
        return self.requests[request]

    def asked_of(self, dataset: DatasetId) -> list[RequestId]:
        """Every request for a dataset, open or closed."""
        filed = self.requests.items()
        return [name for name, one in filed if one.signed.request.dataset == dataset]

    def running(self, request: RequestId, at: datetime) -> ReviewPlan:
        """The approved plan of a request that may run at a moment, or the reason why it may not."""
        filed = self.request(request)
        if filed.state.closed:
            raise ApprovalWithdrawn(f"{request} is {filed.state}")
        if filed.approved_plan is None:
            raise ApprovalMissing(f"{request} is not approved")
        expires = filed.signed.request.expires_at
        if at >= expires:
            raise ApprovalExpired(f"{request} expired at {expires:%Y-%m-%d %H:%M}Z")
        return filed.approved_plan

    def account(self, account: AccountId) -> Account:
        """An account that is in force."""
        if account not in self.accounts:
            raise NotAllowedHere(f"There is no account {account} at {self.site.site}")
        if account in self.suspended:
            raise NotAllowedHere(f"The account {account} is suspended")
        return self.accounts[account]

    def owners(self) -> list[AccountId]:
        """The owners' accounts that are in force."""
        active = (one for name, one in self.accounts.items() if name not in self.suspended)
        return [one.account for one in active if Role.OWNER in one.roles]

    def basis(self, request: RequestId) -> Head:
        """The head that a plan for the request rests on: the last material entry that is not an
        approval of the request itself."""
        return next(head for head, approves in reversed(self.material) if approves != request)

    def known_families(self) -> tuple[Name, ...]:
        """The model families of every request that was ever approved."""
        return tuple(sorted(self.families))

    def last_approved(self, asked: CodeRequest) -> ReviewPlan | None:
        """The newest approved plan for the same study, other than this request's."""
        approved = reversed(self.approved.get(asked.study.study, ()))
        return next((plan for plan in approved if plan.request != asked), None)
