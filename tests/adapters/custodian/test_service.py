"""The service over a real socket: what it answers, and what a hostile or clumsy client gets.

The custodian is that of `tests/custody.py`; uvicorn runs in a thread on a free port.
"""

import hashlib
import io
import json
import socket
import struct
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import uvicorn

from securefed.adapters.custodian_http.announcement import (
    LARGEST_ANNOUNCEMENT,
    Announcement,
    body_parts,
    most_bytes,
)
from securefed.adapters.custodian_http.client import Caller, CustodianClient
from securefed.adapters.custodian_http.service import Patience, service
from securefed.adapters.custodian_http.signed_request import (
    WINDOW,
    RequestGuard,
    RequestLine,
    signed_headers,
)
from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.adapters.memory import MemoryEntropy
from securefed.domain.identifiers import Digest, StudyId
from securefed.domain.key_card import Holds
from securefed.domain.study import Suite
from securefed.errors import (
    CustodianBusy,
    CustodianUnreachable,
    CustodyRefused,
    NotFound,
    RequestRefused,
    SignatureInvalid,
)
from tests.adapters.sealing.parties import COORDINATOR, Play
from tests.custody import START, STUDY, Custody, round_of, summed

pytestmark = pytest.mark.slow  # a server for each test

OPENINGS = f"/studies/{STUDY}/openings"


class Served:
    """A custodian that listens, and clients of it."""

    def __init__(self, folder: Path, custody: Custody, patience: Patience) -> None:
        self.custody, self.folder = custody, folder
        guard = RequestGuard(custody.signer.key, verify, custody.clock)
        app = service(custody.party, guard, folder, patience)
        config = uvicorn.Config(
            app, http="h11", ws="none", lifespan="off", log_level="critical", access_log=False
        )
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()
        self.entropy = MemoryEntropy()
        # uvicorn that is told to end before it has begun leaves its socket open.
        self.client().checkpoint()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def client(self, signer: Ed25519Signer = COORDINATOR) -> CustodianClient:
        caller = Caller(
            signer=signer, verify=verify, clock=self.custody.clock, entropy=self.entropy
        )
        return CustodianClient(f"http://127.0.0.1:{self.port}", self.custody.signer.key, caller)

    def opened(
        self, one: Play, file: io.BytesIO, signer: Ed25519Signer = COORDINATOR
    ) -> np.ndarray:
        custodian = self.client(signer).custodian(STUDY, one.seal.round)
        return np.concatenate(list(custodian.open(one.seal, one.roster, file)))

    def line(self, body: bytes, **changes: object) -> RequestLine:
        fields = {
            "custodian": self.custody.signer.key,
            "method": "POST",
            "path": OPENINGS,
            "at": self.custody.clock.now(),
            "once": Digest("sha256:" + self.entropy.token().hex()),
            "length": len(body),
            "body": Digest("sha256:" + hashlib.sha256(body).hexdigest()),
        }
        return RequestLine(**{**fields, **changes})

    def said(self, raw: bytes) -> tuple[int, dict]:
        """The status and the document that the service answers to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(raw)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        return status, {} if status == 200 else json.loads(body)


def request(
    line: RequestLine, body: bytes, signer: Ed25519Signer = COORDINATOR, **more: str
) -> bytes:
    headers = {**signed_headers(line, signer), "host": "custodian", "connection": "close"}
    headers.update({name.replace("_", "-"): value for name, value in more.items()})
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {OPENINGS} HTTP/1.1\r\n{text}\r\n".encode() + body


def body_of(one: Play, file: io.BytesIO) -> bytes:
    said = Announcement(seal=one.seal, roster=one.roster, expected=None)
    return b"".join(body_parts(said, file))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    found = Served(tmp_path, Custody(), Patience())
    yield found
    found.stop()


def test_a_sum_is_opened_over_http_and_leaves_no_file(served: Served) -> None:
    one = round_of()
    file = summed(one)
    here = np.concatenate(list(served.custody.party.open(one.seal, one.roster, file)))
    assert (served.opened(one, file) == here).all()
    assert (served.opened(one, file) == here).all()
    assert list(served.folder.iterdir()) == []
    assert served.custody.kinds().count("round-opened") == 1


def test_a_sum_of_several_chunks_comes_whole(tmp_path: Path) -> None:
    custody = Custody(holds=Holds.LATTICE, suites=(Suite.BFV_MASK,))
    served = Served(tmp_path, custody, Patience())
    try:
        one = round_of(Suite.BFV_MASK, parameters=10_000, bits=16)
        file = summed(one)
        here = np.concatenate(list(custody.party.open(one.seal, one.roster, file)))
        assert one.shape.chunks > 1
        assert (served.opened(one, file) == here).all()
        key = served.client().public_key(STUDY)
        assert len(key) == 131_072
    finally:
        served.stop()


def test_refusals_come_with_their_own_code(served: Served) -> None:
    one = round_of()
    served.opened(one, summed(one))
    with pytest.raises(CustodyRefused, match="The custodian says: Round 3 was opened"):
        served.opened(one, summed(one, (0, 1)))
    with pytest.raises(NotFound):
        served.client().cards(StudyId("other"))


def test_cards_and_checkpoints_are_checked_by_signature(served: Served) -> None:
    client = served.client()
    [card] = client.cards(STUDY)
    assert card.mask is not None
    assert client.custodian(STUDY, 1).holds == card.mask
    assert client.checkpoint().head == served.custody.party.log.register().head
    client.key = COORDINATOR.key
    with pytest.raises(SignatureInvalid, match="not the custodian's"):
        client.cards(STUDY)


def test_a_request_by_somebody_else_is_refused_before_its_body_is_read(served: Served) -> None:
    one = round_of()
    with pytest.raises(RequestRefused, match="not signed by the study's coordinator"):
        served.opened(one, summed(one), Ed25519Signer(b"x" * 32))
    assert "opening-refused" not in served.custody.kinds()


def test_a_replayed_request_is_refused(served: Served) -> None:
    body = body_of(round_of(), summed(round_of()))
    raw = request(served.line(body), body)
    first, _ = served.said(raw)
    again, document = served.said(raw)
    assert first == 200
    assert (again, document["error"]["what"]) == (401, "The request came before")


@pytest.mark.parametrize("late", [-WINDOW - timedelta(seconds=1), WINDOW + timedelta(seconds=1)])
def test_an_old_or_early_request_is_refused(served: Served, late: timedelta) -> None:
    served.custody.clock.time = START + timedelta(hours=1)
    line = served.line(b"x", at=START + timedelta(hours=1) + late)
    status, document = served.said(request(line, b"x"))
    assert (status, document["error"]["code"]) == (401, "request-refused")
    assert "it is 10:00:00Z" in document["error"]["what"]


def test_a_restart_forgets_no_request(served: Served) -> None:
    line = served.line(b"x", at=START - timedelta(seconds=1))
    status, _ = served.said(request(line, b"x"))
    assert status == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"path": f"/studies/{STUDY}/canaries"},
        {"method": "PUT"},
        {"custodian": COORDINATOR.key},
    ],
)
def test_a_request_for_something_else_is_refused(served: Served, changes: dict) -> None:
    status, document = served.said(request(served.line(b"x", **changes), b"x"))
    assert (status, document["error"]["what"]) == (
        401,
        "The request was signed for something else",
    )


def test_another_body_than_was_signed_is_refused(served: Served) -> None:
    one = round_of()
    body = body_of(one, summed(one))
    for wrong in (body[:-1] + b"\0", b"\0\0\0\0" + body[4:]):
        status, document = served.said(request(served.line(body), wrong))
        assert (status, document["error"]["code"]) == (401, "request-refused")
    assert served.custody.kinds()[-1] == "study-registered"


def test_a_length_that_was_not_signed_is_refused(served: Served) -> None:
    line = served.line(b"xy")
    for body in (b"x", b"xyz"):
        raw = request(line, body, content_length=str(len(body)))
        status, document = served.said(raw)
        assert (status, document["error"]["code"]) == (401, "request-refused")
    raw = request(line, b"2\r\nxy\r\n0\r\n\r\n").replace(
        b"content-length: 2", b"transfer-encoding: chunked"
    )
    assert served.said(raw)[0] == 401


def test_a_body_that_is_too_large_is_refused_before_it_is_read(served: Served) -> None:
    most = most_bytes(served.custody.registration())
    body = bytes(most + 1)
    status, document = served.said(request(served.line(body), body))
    assert status == 401
    assert "more than any sum" in document["error"]["what"]
    head = struct.pack("<I", LARGEST_ANNOUNCEMENT + 1) + b"x" * 100
    status, document = served.said(request(served.line(head), head))
    assert "at most 1048576 bytes" in document["error"]["what"]


def test_a_body_that_is_cut_short_opens_nothing(served: Served) -> None:
    one = round_of()
    body = body_of(one, summed(one))
    raw = request(served.line(body), body[:-10])
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65536)
    assert served.opened(one, summed(one)).size
    assert list(served.folder.iterdir()) == []


def test_a_client_that_is_too_slow_is_given_up(tmp_path: Path) -> None:
    served = Served(tmp_path, Custody(), Patience(seconds=0.05))
    try:
        body = body_of(round_of(), summed(round_of()))
        status, document = served.said(request(served.line(body), body[:100]))
        assert (status, document["error"]["code"]) == (503, "custodian-busy")
    finally:
        served.stop()


def test_one_sum_is_worked_on_at_a_time(served: Served) -> None:
    body = body_of(round_of(), summed(round_of()))
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as first:
        first.sendall(request(served.line(body), b"", expect="100-continue"))
        # The service asks for the body once it is the first one's turn.
        assert first.recv(65536).startswith(b"HTTP/1.1 100")
        status, document = served.said(request(served.line(body), body))
        assert (status, document["error"]["code"]) == (503, "custodian-busy")
        first.sendall(body)
        assert b"200 OK" in first.recv(65536)


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/studies", "/studies/x/../y/cards", "/keys/a.key"]
)
def test_other_paths_are_not_there(served: Served, path: str) -> None:
    raw = f"GET {path} HTTP/1.1\r\nhost: custodian\r\nconnection: close\r\n\r\n".encode()
    status, document = served.said(raw)
    assert (status, document["error"]["code"]) == (404, "not-found")


def test_a_name_that_is_none_is_refused(served: Served) -> None:
    raw = b"GET /studies/..%2f..%2fkeys/cards HTTP/1.1\r\nhost: c\r\nconnection: close\r\n\r\n"
    assert served.said(raw)[0] == 404
    raw = b"GET /studies/A%20B/cards HTTP/1.1\r\nhost: c\r\nconnection: close\r\n\r\n"
    status, document = served.said(raw)
    assert (status, document["error"]["code"]) == (400, "identifier-invalid")


def test_a_defect_shows_the_client_nothing(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: object) -> None:
        raise ValueError("a secret of the custodian")

    monkeypatch.setattr(type(served.custody.party), "checkpoint", broken)
    status, document = served.said(
        b"GET /checkpoint HTTP/1.1\r\nhost: c\r\nconnection: close\r\n\r\n"
    )
    assert (status, document["error"]["code"]) == (500, "unexpected")
    assert "secret" not in json.dumps(document)


def test_a_custodian_that_does_not_answer_is_unreachable(served: Served) -> None:
    client = served.client()
    assert client.cards(STUDY)
    served.stop()
    with pytest.raises(CustodianUnreachable) as caught:
        client.cards(STUDY)
    assert caught.value.exit_code == 7


def test_two_sums_at_once_over_http(served: Served) -> None:
    one = round_of()
    files = [summed(one), summed(one, (0, 1))]
    custodians = [served.client().custodian(STUDY, 3) for _ in files]
    start, found, refused = threading.Barrier(2), [], []

    def ask(number: int) -> None:
        start.wait()
        try:
            found.append(list(custodians[number].open(one.seal, one.roster, files[number])))
        except (CustodyRefused, CustodianBusy) as error:
            refused.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(refused)) == (1, 1)
    assert served.custody.kinds().count("round-opened") == 1


def test_an_answer_that_was_changed_on_the_way_is_refused(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = round_of()
    custodian = served.client().custodian(STUDY, 3)
    other = Ed25519Signer(b"z" * 32)
    monkeypatch.setattr(type(served.custody.party), "sign", lambda _self, data: other.sign(data))
    with pytest.raises(SignatureInvalid, match="not signed by the custodian"):
        list(custodian.open(one.seal, one.roster, summed(one)))
