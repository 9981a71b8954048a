"""What has not been approved, or no longer is, does not run at a served site."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from securefed.domain.blob import SignedTicket, read_ticket
from securefed.domain.errand import Attempt, Deliver, Fetch, Phase, Ticketed, Train
from securefed.domain.identifiers import RequestId
from securefed.domain.request import RequestState
from securefed.domain.round import RoundState
from securefed.domain.run_order import UPDATE
from securefed.errors import (
    ApprovalMissing,
    ApprovalWithdrawn,
    NotFound,
    SecurefedError,
    TicketExpired,
)
from tests.site.processes import until
from tests.site.served_site import FIRST, QUIET, ServedSite
from tests.site.studies import tabular
from tests.world import digest

pytestmark = [pytest.mark.slow, QUIET]
TRAIN = Train(of=FIRST, weights=None, code=None, protection=None)
DELIVER = Deliver(of=FIRST, blob=digest("x"), length=8)
SECOND = Attempt(round=2, attempt=1)


@pytest.fixture(scope="module", autouse=True)
def short_lived(hospital: ServedSite) -> RequestId:
    """A request that is approved, and expires while the other tests run."""
    return hospital.approved(tabular("short-lived"), valid=timedelta(seconds=25))


def fetched(hospital: ServedSite, request: RequestId, folder: Path) -> bytes:
    answer = hospital.ask(request, Fetch(of=FIRST, file=UPDATE))
    assert isinstance(answer, Ticketed)
    hospital.blobs.fetch(read_ticket(str(answer.ticket)), folder / "fetched")
    return (folder / "fetched").read_bytes()


def assert_nothing_runs(
    hospital: ServedSite, request: RequestId, error: type[SecurefedError], reason: str
) -> None:
    """Nothing is answered: it is not approved yet, or no longer."""
    for errand in (TRAIN, DELIVER, Fetch(of=FIRST, file=UPDATE)):
        with pytest.raises(error, match=reason):
            hospital.ask(request, errand)


def test_a_pending_request_is_answered_nothing_and_a_denied_one_too(hospital: ServedSite) -> None:
    request = hospital.submitted(tabular("denied"))
    assert_nothing_runs(hospital, request, ApprovalMissing, "not approved yet")
    hospital.opened.party.deny(request, hospital.olivia)
    until(lambda: hospital.client.state(request).state is RequestState.DENIED)
    assert_nothing_runs(hospital, request, ApprovalWithdrawn, "denied: .*A test's decision")


def test_a_request_that_nobody_filed_is_not_found(hospital: ServedSite) -> None:
    with pytest.raises(NotFound):
        hospital.ask(RequestId("cr-000000000000"), TRAIN)


def test_a_revoked_request_loses_its_run_its_tickets_and_its_files(hospital: ServedSite) -> None:
    request = hospital.approved(tabular("revoked"))
    assert hospital.trained(request).phase is Phase.DONE
    ticket = hospital.upload(request, SECOND, b"weights!")
    assert hospital.runs()
    hospital.opened.party.revoke(request, hospital.olivia)
    until(lambda: hospital.client.state(request).state is RequestState.DENIED)
    assert_nothing_runs(hospital, request, ApprovalWithdrawn, "revoked")
    assert_refused(hospital, ticket)
    until(lambda: not hospital.runs())
    until(lambda: not list(hospital.folder.blobs.glob(f"{request}.*")))


def assert_refused(hospital: ServedSite, ticket: SignedTicket) -> None:
    file = hospital.folder.root.parent / "weights"
    file.write_bytes(b"weights!")
    with pytest.raises(TicketExpired):
        hospital.blobs.send(ticket, file)


def test_an_exhausted_request_is_fetched_from_and_runs_no_more(
    hospital: ServedSite, tmp_path: Path
) -> None:
    request = hospital.approved(tabular("exhausted", rounds=1))
    assert hospital.trained(request).phase is Phase.DONE
    state = RequestState.COMPLETED
    until(lambda: hospital.opened.party.ledger.register().request(request).state is state)
    until(lambda: not hospital.runs())
    hospital.approved(tabular("meanwhile"))  # PySyft has followed the ledger by then
    update = np.frombuffer(fetched(hospital, request, tmp_path), "<f4")
    assert update.shape == (2,)
    for attempt in (Attempt(round=1, attempt=2), SECOND):
        with pytest.raises(ApprovalWithdrawn, match="completed"):
            hospital.begin(request, attempt)
    assert hospital.entered(request).state is RoundState.COMMITTED


def test_an_expired_request_runs_no_more(hospital: ServedSite, short_lived: RequestId) -> None:
    until(lambda: hospital.client.state(short_lived).state is RequestState.DENIED)
    assert_nothing_runs(hospital, short_lived, ApprovalWithdrawn, "expired")
    assert not hospital.opened.party.ledger.register().book("admissions").holds[short_lived].rounds
