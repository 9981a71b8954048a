"""What a stranger, or dana with a ticket for something else, gets at a served site's port."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from securefed.adapters.blob_http.spoken import path_of
from securefed.adapters.ed25519_keys import create_key, load_key
from securefed.domain.blob import Direction, SignedTicket, Ticket
from securefed.domain.identifiers import RequestId, Signature, SiteId
from securefed.ports import Signer
from tests.site.knocking import asked
from tests.site.processes import until
from tests.site.served_site import FIRST, QUIET, ServedSite
from tests.site.studies import tabular

pytestmark = [pytest.mark.slow, QUIET]
CONTENT = b"weights!"


@pytest.fixture(scope="module")
def request_(hospital: ServedSite) -> RequestId:
    """A request that may run, and does not."""
    return hospital.approved(tabular("tickets"))


def code(answer: tuple[int, bytes]) -> str:
    """The name of a refusal by the blob channel."""
    assert answer[0] >= 400
    return str(json.loads(answer[1])["code"])


def signed(ticket: Ticket, signer: Signer) -> SignedTicket:
    return SignedTicket(ticket=ticket, signature=Signature(signer.sign(ticket.signed)))


def test_a_ticket_is_for_its_blob_and_direction_alone(
    hospital: ServedSite, request_: RequestId
) -> None:
    good = hospital.upload(request_, FIRST, CONTENT)
    blob = good.ticket.blob
    later = replace(blob, of=replace(blob.of, round=2))
    other = replace(blob, digest=hospital.upload(request_, FIRST, b"others").ticket.blob.digest)
    for one in (later, other):
        answer = asked(hospital, "PUT", "/blobs" + path_of(one), good.text, CONTENT)
        assert code(answer) == "ticket-foreign"
    for method in ("GET", "DELETE"):
        answer = asked(hospital, method, "/blobs" + path_of(blob), good.text)
        assert code(answer) == "ticket-foreign"
    assert not list(hospital.folder.blobs.glob(f"{request_}.*"))
    assert asked(hospital, "PUT", "/blobs" + path_of(blob), good.text, CONTENT)[0] == 201


def test_a_ticket_of_another_site_or_key_opens_nothing(
    hospital: ServedSite, request_: RequestId, tmp_path: Path
) -> None:
    own = load_key(hospital.folder.site_key)
    other = create_key(tmp_path / "other.key", "hospital-b")
    good = hospital.upload(request_, FIRST, b"foreign").ticket
    path = "/blobs" + path_of(good.blob)
    elsewhere = replace(good, site=SiteId("hospital-b"))
    forged = {
        "another site's": (signed(elsewhere, other), "ticket-foreign"),
        "another site's, by this one's key": (signed(elsewhere, own), "ticket-foreign"),
        "by another key": (signed(good, other), "ticket-invalid"),
        "by dana": (signed(good, hospital.dana), "ticket-invalid"),
        "longer than it was": (replace(signed(good, own), ticket=replace(good, length=8)), None),
        "over": (signed(replace(good, expires=good.expires - timedelta(hours=1)), own), None),
    }
    for ticket, wanted in forged.values():
        found = code(asked(hospital, "POST", path, ticket.text))
        assert found == wanted or (wanted is None and found in ("ticket-invalid", "ticket-expired"))
    for shown in ("", "x", signed(good, own).text.upper()):
        assert code(asked(hospital, "POST", path, shown)) == "ticket-invalid"


def test_a_ticket_of_a_request_that_does_not_run_is_over(
    hospital: ServedSite, request_: RequestId
) -> None:
    pending = hospital.submitted(tabular("pending"))
    good = hospital.upload(request_, FIRST, b"pending").ticket
    blob = replace(good.blob, of=replace(good.blob.of, request=pending))
    own = load_key(hospital.folder.site_key)
    for direction, method in ((Direction.UPLOAD, "POST"), (Direction.DOWNLOAD, "GET")):
        shown = signed(replace(good, blob=blob, direction=direction), own).text
        answer = asked(hospital, method, "/blobs" + path_of(blob), shown)
        assert code(answer) == "ticket-expired"


CALL = "/api/v2/api_call"
NOWHERE = [
    *("/", "/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect", "/api/v2", "/api/v2/"),
    *("/api/v2/openapi.json", "/api/v2/docs", "/api/v2/login", "/api/v2/register", "/api/v2/api"),
    *("/api/v2/stream/x/y/", "/api/v2/workers", "/api/v2/metadata/", "/API/v2/metadata"),
    *(f"/{CALL}", f"{CALL}/", "/api/v2//metadata", "/api/./v2/metadata", "/api/v2/x/../metadata"),
    *(f"/blobs/..{CALL}", f"/blobs/%2e%2e{CALL}", f"/blobs/%2E%2E%2F{CALL[1:]}", f"/blobs{CALL}"),
    *("/blobs", "/blobs/", "//blobs/x", "/blobs//x", "/BLOBS/x", "/blobs%2fx", "/%2e/blobs/x"),
    *("/blobs/../ledger.db", "/blobs/%2e%2e/%2e%2e/ledger.db", "/blobs/..%5cledger.db"),
    *("/blobs/cr-000000000000/1/1/../../../../ledger.db", "/blobs/%00", "/api/v2/metadata%00"),
    "/api/v2/metadata%2f",
]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_path_leads_to_anything_else(hospital: ServedSite, method: str) -> None:
    answers = {path: asked(hospital, method, path) for path in NOWHERE}
    assert {path: status for path, (status, _) in answers.items() if status != 404} == {}
    for _, body in answers.values():
        assert json.loads(body).get("refused") == "path" or json.loads(body)["code"] == "not-found"


def test_who_hurries_is_slowed_down_and_let_in_again(hospital: ServedSite) -> None:
    statuses = (asked(hospital, "GET", "/")[0] for _ in range(20_000))
    assert next(status for status in statuses if status != 404) == 429
    until(lambda: asked(hospital, "GET", "/api/v2/metadata")[0] == 200)
