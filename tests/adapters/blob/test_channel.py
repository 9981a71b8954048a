"""The site's side as bare ASGI: what is refused before a byte is read, and how bodies may end."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from securefed.adapters.blob_files import FolderBlobs, MemoryBlobs
from securefed.adapters.blob_http.spoken import BLOCK, SCHEME, path_of
from securefed.adapters.ed25519_keys import Ed25519Signer
from securefed.domain.blob import Direction, Held, SignedTicket
from securefed.domain.identifiers import SiteId
from tests.adapters.blob.place import OF, QUOTA, START, Place, blob_of, files_end_at

DATA = b"sealed words " * 1000
LARGE = b"x" * (3 * BLOCK + 17)
STRANGER = Ed25519Signer(bytes([7]) * 32)
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]


@dataclass
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def code(self) -> str:
        return json.loads(self.body)["code"]


@pytest.fixture
def place() -> Place:
    return Place(MemoryBlobs(10 * BLOCK))


async def unread() -> NoReturn:
    raise AssertionError("a byte of the body was asked for")


def bodies(*pieces: bytes, end: str = "http.request") -> Receive:
    """A body in pieces; then its end, or a connection that is gone."""
    messages: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
    ]
    messages.append({"type": end, "body": b"", "more_body": False})

    async def receive() -> Message:
        return messages.pop(0)

    return receive


def ask(
    place: Place,
    method: str,
    ticket: SignedTicket | str,
    receive: Receive = unread,
    *,
    path: str | None = None,
    patience: float = 10.0,
    **headers: str,
) -> Answer:
    """One request, without a server."""
    if path is None:
        path = path_of(blob_of(DATA))
    shown = ticket if isinstance(ticket, str) else SCHEME + ticket.text
    given = {"authorization": shown, **{k.replace("_", "-"): v for k, v in headers.items()}}
    scope = {
        "type": "http",
        "method": method,
        "path": f"/blobs{path}",
        "root_path": "/blobs",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
    }
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(place.channel(patience)(scope, receive, send))
    body = b"".join(one["body"] for one in sent[1:])
    return Answer(sent[0]["status"], dict(sent[0]["headers"]), body)


def put(
    place: Place,
    ticket: SignedTicket,
    receive: Receive,
    start: int = 0,
    length: int | None = None,
    **more: object,
) -> Answer:
    stated = ticket.ticket.length - start if length is None else length
    headers = {"upload_offset": str(start), "content_length": str(stated)}
    return ask(place, "PUT", ticket, receive, **headers, **more)


def test_up_and_down(place: Place) -> None:
    up, down = place.ticket(DATA), place.ticket(DATA, Direction.DOWNLOAD)
    assert json.loads(ask(place, "POST", up).body) == {"held": 0, "whole": False}
    assert put(place, up, bodies(DATA[:5], DATA[5:])).status == 201
    assert json.loads(ask(place, "POST", up).body) == {"held": len(DATA), "whole": True}
    whole = ask(place, "GET", down)
    assert (whole.status, whole.body) == (200, DATA)
    rest = ask(place, "GET", down, range="bytes=13-")
    assert (rest.status, rest.body) == (206, DATA[13:])
    size = len(DATA)
    assert rest.headers[b"content-range"] == b"bytes 13-%d/%d" % (size - 1, size)
    assert ask(place, "DELETE", down).status == 200


def test_a_blob_of_several_blocks_passes_unchanged(place: Place) -> None:
    path = path_of(blob_of(LARGE))
    pieces = [LARGE[at : at + 60_000] for at in range(0, len(LARGE), 60_000)]
    assert put(place, place.ticket(LARGE), bodies(*pieces), path=path).status == 201
    assert ask(place, "GET", place.ticket(LARGE, Direction.DOWNLOAD), path=path).body == LARGE


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"site": SiteId("hospital-b")}, "ticket-foreign"),
        ({"blob": blob_of(DATA, replace(OF, round=4))}, "ticket-foreign"),
        ({"blob": blob_of(DATA, replace(OF, attempt=2))}, "ticket-foreign"),
        ({"blob": blob_of(b"other")}, "ticket-foreign"),
        ({"expires": START}, "ticket-expired"),
        ({"expires": START + timedelta(days=1)}, "ticket-invalid"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE"])
def test_a_ticket_for_something_else_is_refused_before_the_body(
    place: Place, method: str, changes: dict[str, object], code: str
) -> None:
    direction = Direction.UPLOAD if method in ("POST", "PUT") else Direction.DOWNLOAD
    ticket = place.ticket(DATA, direction, **changes)
    assert ask(place, method, ticket).code == code
    assert place.store.held(blob_of(DATA)) == Held(length=0, whole=False)


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE"])
def test_a_ticket_of_the_other_direction_is_refused(place: Place, method: str) -> None:
    direction = Direction.DOWNLOAD if method in ("POST", "PUT") else Direction.UPLOAD
    assert ask(place, method, place.ticket(DATA, direction)).code == "ticket-foreign"


def test_a_forged_ticket_is_refused(place: Place) -> None:
    genuine = place.ticket(DATA)
    longer = replace(genuine.ticket, length=10**9)
    for forged in (
        SignedTicket(ticket=longer, signature=genuine.signature),
        SignedTicket(ticket=longer, signature=STRANGER.sign(longer.signed)),
    ):
        assert put(place, forged, unread).code == "ticket-invalid"


@pytest.mark.parametrize("shown", ["", "Bearer x", SCHEME, SCHEME + "x.y", "é" * 3000])
def test_what_is_no_ticket_is_refused(place: Place, shown: str) -> None:
    refused = ask(place, "PUT", shown)
    assert (refused.status, refused.code) == (401, "ticket-invalid")


def test_a_round_that_the_site_no_longer_keeps_is_over(place: Place) -> None:
    ticket = place.ticket(DATA)
    place.rounds.clear()
    assert put(place, ticket, unread).code == "ticket-expired"


def test_an_upload_is_not_replayed(place: Place) -> None:
    ticket = place.ticket(DATA)
    put(place, ticket, bodies(DATA))
    assert put(place, ticket, unread).code == "ticket-spent"
    assert put(place, place.ticket(DATA), unread).code == "ticket-spent"


def test_a_download_is_not_replayed_once_it_was_acknowledged(place: Place) -> None:
    put(place, place.ticket(DATA), bodies(DATA))
    ticket = place.ticket(DATA, Direction.DOWNLOAD)
    assert ask(place, "GET", ticket).status == ask(place, "GET", ticket).status == 200
    assert ask(place, "DELETE", ticket).status == 200
    assert ask(place, "GET", ticket).code == "ticket-spent"
    assert ask(place, "DELETE", ticket).code == "ticket-spent"
    assert ask(place, "GET", place.ticket(DATA, Direction.DOWNLOAD)).status == 200


@pytest.mark.parametrize(("start", "length"), [(0, len(DATA) + 1), (0, 5), (1, len(DATA) - 1)])
def test_a_body_of_another_length_is_refused_before_it_is_read(
    place: Place, start: int, length: int
) -> None:
    refused = put(place, place.ticket(DATA), unread, start, length)
    assert (refused.status, refused.code) == (416, "blob-length-wrong")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content_length": str(len(DATA))},
        {"upload_offset": "0"},
        {"upload_offset": "-0", "content_length": str(len(DATA))},
        {"upload_offset": "0", "content_length": "9" * 5000},
        {"upload_offset": "²", "content_length": str(len(DATA))},
        {"upload_offset": "0x0", "content_length": str(len(DATA))},
    ],
)
def test_a_body_without_a_plain_length_is_refused(place: Place, headers: dict[str, str]) -> None:
    assert ask(place, "PUT", place.ticket(DATA), **headers).code == "blob-length-wrong"


def test_more_than_was_stated_is_refused(place: Place) -> None:
    assert put(place, place.ticket(DATA), bodies(DATA, b"x")).code == "blob-length-wrong"
    assert not place.store.held(blob_of(DATA)).whole


def test_less_than_was_stated_is_kept_for_the_rest(place: Place) -> None:
    assert put(place, place.ticket(DATA), bodies(DATA[:9])).code == "blob-length-wrong"
    assert json.loads(ask(place, "POST", place.ticket(DATA)).body)["held"] == 9
    assert put(place, place.ticket(DATA), bodies(DATA[9:]), start=9).status == 201


def test_a_sender_that_leaves_midway_goes_on_later(place: Place) -> None:
    path = path_of(blob_of(LARGE))
    gone = bodies(LARGE[:BLOCK], LARGE[BLOCK : BLOCK + 10], end="http.disconnect")
    assert put(place, place.ticket(LARGE), gone, path=path).code == "blob-length-wrong"
    held = place.store.held(blob_of(LARGE)).length
    assert held == BLOCK + 10
    again = put(place, place.ticket(LARGE), bodies(LARGE[held:]), start=held, path=path)
    assert again.status == 201


def test_a_body_that_stands_still_ends_and_keeps_what_came(place: Place) -> None:
    came: list[Message] = [{"type": "http.request", "body": DATA[:100], "more_body": True}]

    async def still() -> Message:
        if not came:
            await asyncio.Event().wait()
        return came.pop()

    refused = put(place, place.ticket(DATA), still, patience=0.01)
    assert (refused.status, refused.code) == (408, "blob-slow")
    assert place.store.held(blob_of(DATA)) == Held(length=100, whole=False)
    place.store.writer(blob_of(DATA), len(DATA)).close()


def test_wrong_bytes_are_refused_and_thrown_away(place: Place) -> None:
    wrong = b"X" + DATA[1:]
    assert put(place, place.ticket(DATA), bodies(wrong)).code == "blob-damaged"
    assert place.store.held(blob_of(DATA)) == Held(length=0, whole=False)


def test_of_two_uploads_at_once_the_second_is_refused(place: Place) -> None:
    with closing(place.store.writer(blob_of(DATA), len(DATA))):
        assert ask(place, "POST", place.ticket(DATA)).code == "blob-busy"
        assert put(place, place.ticket(DATA), unread).code == "blob-busy"
    assert put(place, place.ticket(DATA), bodies(DATA)).status == 201


def test_a_blob_above_the_quota_is_refused_when_asked_already() -> None:
    place = Place(MemoryBlobs(len(DATA) - 1))
    assert ask(place, "POST", place.ticket(DATA)).code == "blob-quota-full"
    refused = put(place, place.ticket(DATA), unread)
    assert (refused.status, refused.code) == (507, "blob-quota-full")


def test_what_is_not_there_is_not_found(place: Place) -> None:
    refused = ask(place, "GET", place.ticket(DATA, Direction.DOWNLOAD))
    assert (refused.status, refused.code) == (404, "not-found")


def test_a_part_is_not_given_out(place: Place) -> None:
    put(place, place.ticket(DATA), bodies(DATA[:9]))
    assert ask(place, "GET", place.ticket(DATA, Direction.DOWNLOAD)).code == "not-found"


@pytest.mark.parametrize(
    "wanted", ["bytes=0-5", "bytes=-5", "bytes=13000-", "bytes=0-,5-", "items=0-", "bytes=00-"]
)
def test_other_ranges_are_refused(place: Place, wanted: str) -> None:
    put(place, place.ticket(DATA), bodies(DATA))
    refused = ask(place, "GET", place.ticket(DATA, Direction.DOWNLOAD), range=wanted)
    assert refused.code == "blob-length-wrong"


def test_a_blob_is_not_given_out_under_another_length(place: Place) -> None:
    put(place, place.ticket(DATA), bodies(DATA))
    ticket = place.ticket(DATA, Direction.DOWNLOAD, length=len(DATA) - 1)
    assert ask(place, "GET", ticket).code == "blob-length-wrong"


HEX = blob_of(DATA).digest[7:]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/../../etc/passwd",
        f"/cr-7f3a90b1c2d4/3/1/{HEX}/",
        f"/cr-7f3a90b1c2d4/3/1/{HEX.upper()}",
        f"/cr-7f3a90b1c2d4/3/1/{HEX}\n",
        f"/cr-7f3a90b1c2d4/3/1/../1/{HEX}",
        f"/cr-7f3a90b1c2d4/03/1/{HEX}",
        f"/cr-7f3a90b1c2d4/٣/1/{HEX}",
        f"//cr-7f3a90b1c2d4/3/1/{HEX}",
        f"/cr-7f3a90b1c2d4/3/{'9' * 13}/{HEX}",
        f"/cr-7f3a90b1c2d4/3/1/{HEX}%00",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_no_other_path_exists(place: Place, method: str, path: str) -> None:
    assert ask(place, method, place.ticket(DATA), path=path).code == "not-found"


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "OPTIONS", "TRACE", "put"])
def test_no_other_method_exists(place: Place, method: str) -> None:
    assert ask(place, method, place.ticket(DATA)).code == "not-found"


def test_a_receiver_that_stands_still_gets_a_short_answer(place: Place) -> None:
    put(place, place.ticket(DATA), bodies(DATA))
    started: list[Message] = []

    async def send(message: Message) -> None:
        started.append(message)
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    scope = {
        "type": "http",
        "method": "GET",
        "path": path_of(blob_of(DATA)),
        "headers": [
            (b"authorization", (SCHEME + place.ticket(DATA, Direction.DOWNLOAD).text).encode())
        ],
    }
    asyncio.run(place.channel(0.01)(scope, unread, send))
    assert [one["type"] for one in started] == ["http.response.start", "http.response.body"]


def test_a_websocket_gets_nothing(place: Place) -> None:
    asyncio.run(place.channel()({"type": "websocket"}, unread, unread))


def test_a_full_disk_is_named_and_the_upload_goes_on_later(tmp_path: Path) -> None:
    place = Place(FolderBlobs(tmp_path / "blobs", QUOTA))
    ticket = place.ticket(DATA)
    with files_end_at(5000):
        refused = put(place, ticket, bodies(DATA))
    assert (refused.status, refused.code) == (500, "storage-failed")
    assert str(tmp_path).encode() not in refused.body
    assert json.loads(ask(place, "POST", ticket).body)["held"] == 5000
    assert put(place, ticket, bodies(DATA[5000:]), start=5000).status == 201
