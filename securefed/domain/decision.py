"""What a person with authority decides at a site: signed, reasoned, and never changed afterwards.

An `Approval` names the digest of the plan that was read, so it covers exactly that plan and nothing
that came later. A `Denial` and a `Revocation` need no plan: saying no is always possible. The rest
is how the owner sets up the site: accounts, data, policies, allowances, and how data are withdrawn
and the site is paused.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeAlias

from securefed.domain.allowance import Allowance
from securefed.domain.identifiers import (
    AccountId,
    DatasetId,
    Digest,
    Line,
    RequestId,
    Signature,
    SiteId,
)
from securefed.domain.plan import ReviewPlan
from securefed.domain.policy import Policy
from securefed.domain.site import Account, DataCard

DECISION_KIND = "decision"


@dataclass(frozen=True, kw_only=True)
class _Decision:
    """Who decided, where, when and why."""

    site: SiteId
    by: AccountId
    at: datetime
    reason: Line


@dataclass(frozen=True, kw_only=True)
class Approval(_Decision):
    """One reviewer's yes to one plan."""

    kind: ClassVar[str] = "approval"
    request: RequestId
    plan_digest: Digest
    plan: ReviewPlan


@dataclass(frozen=True, kw_only=True)
class Denial(_Decision):
    """A reviewer's no to a pending request."""

    kind: ClassVar[str] = "denial"
    request: RequestId


@dataclass(frozen=True, kw_only=True)
class Revocation(_Decision):
    """The end of an approval; what was spent stays spent."""

    kind: ClassVar[str] = "revocation"
    request: RequestId


@dataclass(frozen=True, kw_only=True)
class AllowanceGrant(_Decision):
    """What may ever be spent on a dataset."""

    kind: ClassVar[str] = "allowance-grant"
    allowance: Allowance


@dataclass(frozen=True, kw_only=True)
class PolicyAdoption(_Decision):
    """The rules from now on."""

    kind: ClassVar[str] = "policy-adoption"
    policy: Policy


@dataclass(frozen=True, kw_only=True)
class AccountAdmission(_Decision):
    """A person gets an account."""

    kind: ClassVar[str] = "account-admission"
    account: Account


@dataclass(frozen=True, kw_only=True)
class AccountSuspension(_Decision):
    """A person loses their account; their name is not given to another."""

    kind: ClassVar[str] = "account-suspension"
    account: AccountId


@dataclass(frozen=True, kw_only=True)
class DataRegistration(_Decision):
    """A dataset, or a new version of its card."""

    kind: ClassVar[str] = "data-registration"
    card: DataCard


@dataclass(frozen=True, kw_only=True)
class DataErasure(_Decision):
    """The end of a dataset: nothing reads it any more, and what was spent on it stays spent.

    It names the card's version, so that it erases nothing that is registered after it."""

    kind: ClassVar[str] = "data-erasure"
    dataset: DatasetId
    version: int


@dataclass(frozen=True, kw_only=True)
class SitePause(_Decision):
    """From now on no round begins and no request is filed; rounds that have begun go on."""

    kind: ClassVar[str] = "site-pause"


@dataclass(frozen=True, kw_only=True)
class SiteResumption(_Decision):
    """The end of a pause."""

    kind: ClassVar[str] = "site-resumption"


Decision: TypeAlias = (
    Approval
    | Denial
    | Revocation
    | AllowanceGrant
    | PolicyAdoption
    | AccountAdmission
    | AccountSuspension
    | DataRegistration
    | DataErasure
    | SitePause
    | SiteResumption
)

BY_REVIEWERS = (Approval, Denial, Revocation)


@dataclass(frozen=True, kw_only=True)
class SignedDecision:
    """A decision with the signature of the account that made it."""

    decision: Decision
    signature: Signature
