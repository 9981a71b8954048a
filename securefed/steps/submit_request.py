"""Asking a site to take part: a request is signed by its author, then filed at the site."""

from datetime import datetime, timedelta

from securefed.domain.canonical import prefixed
from securefed.domain.event import LedgerEntry, RequestFiled
from securefed.domain.identifiers import AccountId, SiteId
from securefed.domain.records import to_bytes
from securefed.domain.request import REQUEST_KIND, CodeRequest, SignedRequest
from securefed.domain.study import Study
from securefed.ports import Signer
from securefed.steps.keep_ledger import SiteLedger


def write_request(
    study: Study, site: SiteId, requester: AccountId, signer: Signer, now: datetime
) -> SignedRequest:
    """The request to one site, signed; it lives as many days as the study says."""
    request = CodeRequest(
        site=site,
        requester=requester,
        requester_key=signer.key,
        study=study,
        filed_at=now,
        expires_at=now + timedelta(days=study.valid_days),
    )
    signature = signer.sign(prefixed(REQUEST_KIND, to_bytes(request)))
    return SignedRequest(request=request, signature=signature)


def file_request(ledger: SiteLedger, signed: SignedRequest) -> LedgerEntry:
    """Puts a request before the site's reviewers, once account, key and signature are checked."""
    return ledger.record(RequestFiled(filed=signed))
