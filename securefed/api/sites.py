"""A data owner's site from Python: its requests, plans, decisions, budget and report.

Promises that only a plan that was read can be approved: its digest is asked for, and an approval of
another one is refused. Whoever decides does so with their own key, as on the command line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from securefed.api.studies import PathLike
from securefed.domain.allowance import Allowance
from securefed.domain.identifiers import (
    AccountId,
    DatasetId,
    Digest,
    Line,
    Name,
    PublicKey,
    RequestId,
    StudyId,
)
from securefed.domain.plan import ReviewPlan
from securefed.domain.privacy import PrivacyLoss
from securefed.domain.request import RequestState
from securefed.errors import StorageFailed
from securefed.wiring import opened_site

if TYPE_CHECKING:
    from securefed.steps.prepare_site import Acting
    from securefed.steps.verify_evidence import Examined


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A dataset's allowance, the shares of it that are spent and reserved, and the privacy loss if
    all that is reserved runs. Shares are of the divergence that admission counts, not of ε."""

    allowance: Allowance
    spent: Decimal
    reserved: Decimal
    loss: PrivacyLoss


class Site:
    """A site's folder."""

    def __init__(self, opened: opened_site.OpenSite) -> None:
        self._opened, self._party = opened, opened.party

    def requests(self) -> dict[RequestId, RequestState]:
        """Every request and where it stands, oldest first."""
        return {name: one.state for name, one in self._party.register().requests.items()}

    def plan(self, request: str) -> ReviewPlan:
        """The whole effect of approving a request."""
        return self._party.plan(RequestId(request))

    def approve(
        self,
        request: str,
        digest: str,
        *,
        account: str | None = None,
        key: PathLike | None = None,
        reason: str = "Approved as planned",
    ) -> RequestState:
        """Approves the plan with this digest; says where the request then stands."""
        acting = self._acting(account, key, reason)
        self._party.approve(RequestId(request), Digest(digest), acting)
        return self.requests()[RequestId(request)]

    def deny(
        self,
        request: str,
        reason: str,
        *,
        account: str | None = None,
        key: PathLike | None = None,
    ) -> None:
        """Says no to a pending request."""
        self._party.deny(RequestId(request), self._acting(account, key, reason))

    def revoke(
        self,
        request: str,
        reason: str,
        *,
        account: str | None = None,
        key: PathLike | None = None,
    ) -> None:
        """Ends an approval at once."""
        self._party.revoke(RequestId(request), self._acting(account, key, reason))

    def budget(self, dataset: str) -> Budget:
        """What a dataset may spend, has spent and has promised."""
        book = self._party.register().book(DatasetId(dataset))
        granted = book.granted()
        return Budget(
            allowance=granted,
            spent=book.spent / granted.cap,
            reserved=book.reserved / granted.cap,
            loss=self._party.accountant.loss(book.mechanisms(), granted.delta),
        )

    def report(self, out: PathLike, *, study: str | None = None) -> list[Path]:
        """Writes the audit report and its evidence into a folder; says which files."""
        from securefed.wiring import evidence, report

        report.expect_libraries()
        about = report.asked(None if study is None else StudyId(study), None, None, None)
        own = evidence.part_of_site(self._opened.folder.root, None)
        data = evidence.checked(evidence.gathered([own], (), None, {}, None))
        written = report.written(data, None, about, {}, ())
        return report.save(Path(out), written, data)[0]

    def _acting(self, account: str | None, key: PathLike | None, reason: str) -> "Acting":
        who = self._opened.only_owner() if account is None else AccountId(account)
        return self._opened.acting(who, None if key is None else Path(key), Line(reason))


def open_site(folder: PathLike) -> Site:
    """The site in a folder, its ledger replayed and checked."""
    return Site(opened_site.open_site(Path(folder)))


def verify_evidence(file: PathLike, keys: Mapping[str, str] | None = None) -> "Examined":
    """Every check of an audit's evidence; `keys` are those that parties told you, by their names.
    `failed` of the result is the first check that failed, or None."""
    from securefed.wiring import evidence

    known = {Name(name): PublicKey(key) for name, key in (keys or {}).items()}
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise StorageFailed(f"Cannot read: {error.strerror}", where=str(file)) from error
    return evidence.verified(data, known, ())
