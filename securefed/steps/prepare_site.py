"""Setting up a site: its founding, its people, its rules, its data and what may be spent on them.

Each is a signed decision of an owner, except the founding, which makes the first owner.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from securefed.domain import decision as made
from securefed.domain.allowance import RequesterShare, allowance
from securefed.domain.event import LedgerEntry, SiteFounded
from securefed.domain.identifiers import AccountId, DatasetId, Line
from securefed.domain.numbers import count
from securefed.domain.policy import Policy
from securefed.domain.site import Account, DataCard, Site
from securefed.ports import Signer
from securefed.steps.keep_ledger import SiteLedger
from securefed.steps.sign_decision import record_decision


@dataclass(frozen=True, kw_only=True)
class Acting:
    """Who acts at a site, with which key, and why."""

    account: AccountId
    signer: Signer
    reason: Line


@dataclass(frozen=True, kw_only=True)
class AllowanceAsked:
    """What an owner wants to grant."""

    dataset: DatasetId
    epsilon: Decimal
    delta: Decimal
    shares: tuple[RequesterShare, ...] = ()
    valid_days: int | None = None


def found_site(ledger: SiteLedger, site: Site, owner: Account) -> LedgerEntry:
    """Writes the ledger's first entry."""
    return ledger.record(SiteFounded(site=site, owner=owner))


def adopt_policy(ledger: SiteLedger, policy: Policy, by: Acting) -> LedgerEntry:
    """Makes a policy the one by which requests are judged from now on."""
    decision = made.PolicyAdoption(
        site=ledger.site, by=by.account, at=ledger.now(), reason=by.reason, policy=policy
    )
    return record_decision(ledger, decision, by.signer)


def admit_account(ledger: SiteLedger, account: Account, by: Acting) -> LedgerEntry:
    """Gives a person an account."""
    decision = made.AccountAdmission(
        site=ledger.site, by=by.account, at=ledger.now(), reason=by.reason, account=account
    )
    return record_decision(ledger, decision, by.signer)


def suspend_account(ledger: SiteLedger, account: AccountId, by: Acting) -> LedgerEntry:
    """Takes a person's account away."""
    decision = made.AccountSuspension(
        site=ledger.site, by=by.account, at=ledger.now(), reason=by.reason, account=account
    )
    return record_decision(ledger, decision, by.signer)


def register_data(ledger: SiteLedger, card: DataCard, by: Acting) -> LedgerEntry:
    """Makes a dataset, or a new version of its card, known."""
    decision = made.DataRegistration(
        site=ledger.site, by=by.account, at=ledger.now(), reason=by.reason, card=card
    )
    return record_decision(ledger, decision, by.signer)


def erase_data(ledger: SiteLedger, dataset: DatasetId, by: Acting) -> LedgerEntry:
    """Ends a dataset and every request for it; its file is its owner's and is not touched."""
    decision = made.DataErasure(
        site=ledger.site,
        by=by.account,
        at=ledger.now(),
        reason=by.reason,
        dataset=dataset,
        version=ledger.register().card(dataset).version,
    )
    return record_decision(ledger, decision, by.signer)


def pause_site(ledger: SiteLedger, by: Acting) -> LedgerEntry:
    """Lets no round begin and no request be filed."""
    decision = made.SitePause(site=ledger.site, by=by.account, at=ledger.now(), reason=by.reason)
    return record_decision(ledger, decision, by.signer)


def resume_site(ledger: SiteLedger, by: Acting) -> LedgerEntry:
    """Ends a pause."""
    decision = made.SiteResumption(
        site=ledger.site, by=by.account, at=ledger.now(), reason=by.reason
    )
    return record_decision(ledger, decision, by.signer)


def grant_allowance(ledger: SiteLedger, asked: AllowanceAsked, by: Acting) -> LedgerEntry:
    """Grants, raises or lowers what may be spent on a dataset.

    Once a request has used the allowance its order stays, so a new figure keeps the old order."""
    book, now = ledger.register().book(asked.dataset), ledger.now()
    days = asked.valid_days
    granted = allowance(
        asked.dataset,
        asked.epsilon,
        asked.delta,
        order=book.fixed_order,
        shares=asked.shares,
        expires_at=None if days is None else now + timedelta(days=count("days", days, most=36_500)),
    )
    decision = made.AllowanceGrant(
        site=ledger.site, by=by.account, at=now, reason=by.reason, allowance=granted
    )
    return record_decision(ledger, decision, by.signer)
