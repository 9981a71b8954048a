"""The site: a data owner's process. It holds the ledger, the site's key and the data's whereabouts.

It sees its own data and everything asked of it. It answers for the order of steps: what has ended
is closed before a plan is drawn up, and a plan is kept before it is shown. Who may decide is
settled by the ledger's accounts and signatures, never by this class.
"""

from dataclasses import dataclass

from securefed.domain.checkpoint import Checkpoint
from securefed.domain.event import LedgerEntry
from securefed.domain.identifiers import Digest, RequestId
from securefed.domain.plan import ReviewPlan
from securefed.domain.register import Register
from securefed.domain.request import CodeRequest, SignedRequest
from securefed.domain.site import Account, Site
from securefed.ports import Accountant, MachineProbe, PlanShelf
from securefed.steps import decide_request, prepare_site, review_request, settle_budget
from securefed.steps.keep_ledger import SiteLedger
from securefed.steps.prepare_site import Acting
from securefed.steps.submit_request import file_request


@dataclass(frozen=True, kw_only=True)
class SiteParty:
    """A site at work. What it shows may come from figures kept earlier; an approval is checked
    against figures that are computed anew, so a kept figure that is wrong approves nothing."""

    ledger: SiteLedger
    accountant: Accountant
    kept_figures: Accountant
    probe: MachineProbe
    shelf: PlanShelf

    def found(self, site: Site, owner: Account) -> LedgerEntry:
        """Begins the ledger."""
        return prepare_site.found_site(self.ledger, site, owner)

    def register(self) -> Register:
        """The site's state, with what has ended closed."""
        settle_budget.close_ended(self.ledger)
        return self.ledger.register()

    def receive(self, signed: SignedRequest) -> RequestId:
        """Files a request."""
        file_request(self.ledger, signed)
        return signed.request.request

    def plan(self, request: RequestId) -> ReviewPlan:
        """The plan of a pending request, kept so that a stale approval can say what changed; of an
        approved one, the plan that was approved."""
        filed = self.register().request(request)
        if filed.approved_plan is not None:
            return filed.approved_plan
        plan = self.try_plan(filed.signed.request)
        self.shelf.keep(plan)
        return plan

    def try_plan(self, asked: CodeRequest) -> ReviewPlan:
        """The plan that a request would get; nothing is filed or kept."""
        register = self.register()
        return review_request.review_request(
            register, asked, self.ledger.now(), self._reviewing(self.kept_figures)
        )

    def approve(self, request: RequestId, digest: Digest, by: Acting) -> LedgerEntry:
        """Approves the plan with this digest."""
        settle_budget.close_ended(self.ledger)
        deciding = decide_request.Deciding(
            reviewing=self._reviewing(self.accountant), shelf=self.shelf
        )
        return decide_request.approve_request(self.ledger, request, digest, by, deciding)

    def deny(self, request: RequestId, by: Acting) -> LedgerEntry:
        """Says no to a pending request."""
        return decide_request.deny_request(self.ledger, request, by)

    def revoke(self, request: RequestId, by: Acting) -> LedgerEntry:
        """Ends an approval."""
        return decide_request.revoke_request(self.ledger, request, by)

    def checkpoint(self) -> Checkpoint:
        """The ledger's head, signed by the site."""
        return self.ledger.checkpoint()

    def _reviewing(self, accountant: Accountant) -> review_request.Reviewing:
        return review_request.Reviewing(accountant=accountant, probe=self.probe)
