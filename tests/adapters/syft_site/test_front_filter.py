"""The door before a real PySyft: whoever is not a data scientist making a known call is refused."""

import http.client
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from syft.client.api import SyftAPICall, SyftAPIData
from syft.server.credentials import SyftSigningKey
from syft.service.service import ServiceConfigRegistry
from syft.types.uid import UID

from securefed.adapters.syft_site.front_filter import FrontFilter, Limits
from securefed.adapters.syft_site.pysyft import deserialize, serialize
from securefed.domain.door import CALL_PATH, METADATA_PATH, SERVICES, Pace, Reason
from tests.adapters.syft_site.places import DANA, QUIET, Place

pytestmark = [pytest.mark.slow, QUIET]


def sent(site_a: Place, method: str, path: str, body: Any = None, **headers: str) -> int:
    """The status of one plain request."""
    connection = http.client.HTTPConnection(site_a.site.host, site_a.site.port, timeout=30)
    try:
        connection.request(method, path, body=body, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def told(line: socket.socket, data: bytes) -> bytes:
    """The answer to raw bytes."""
    line.sendall(data)
    return line.recv(4096)


def asked(site_a: Place, path: str, **more: Any) -> SyftAPICall:
    given = {"server_uid": site_a.site.datasite.id, "args": [], "kwargs": {}}
    return SyftAPICall(path=path, **(given | more))


def posted(site_a: Place, call: Any) -> Callable[[], int]:
    return lambda: sent(site_a, "POST", CALL_PATH, serialize(call))


def key_of(dana: Any) -> SyftSigningKey:
    return dana.credentials


def test_a_known_call_of_a_data_scientist_reaches_pysyft(site_a: Place) -> None:
    call = asked(site_a, "user.get_current_user").sign(key_of(site_a.dana))
    answer: list[int] = []
    assert site_a.reasons(lambda: answer.append(posted(site_a, call)())) == []
    assert answer == [200]


def test_a_guest_can_call_nothing(site_a: Place) -> None:
    guest = SyftSigningKey.generate()
    for path in ServiceConfigRegistry.__service_config_registry__:
        call = asked(site_a, path).sign(guest)
        assert site_a.reasons(posted(site_a, call)) == [Reason.CALLER]


def test_the_owner_does_not_call_over_the_network(site_a: Place) -> None:
    call = asked(site_a, "user.get_current_user").sign(site_a.site.datasite.signing_key)
    assert site_a.reasons(posted(site_a, call)) == [Reason.CALLER]


def test_a_password_opens_nothing_over_the_network(site_a: Place) -> None:
    email, password = DANA
    body = json.dumps({"email": email, "password": password}).encode()
    found = site_a.reasons(lambda: sent(site_a, "POST", "/api/v2/login", body))
    assert found == [Reason.PATH]


def test_a_data_scientist_calls_no_other_service(site_a: Place) -> None:
    everything = ServiceConfigRegistry.__service_config_registry__
    others = [path for path in everything if path not in SERVICES] + ["queue", "metadata", "api"]
    assert len(others) > 150
    for path in others:
        call = asked(site_a, path).sign(key_of(site_a.dana))
        assert site_a.reasons(posted(site_a, call)) == [Reason.SERVICE]


def test_every_service_on_the_list_exists() -> None:
    assert set(SERVICES) <= set(ServiceConfigRegistry.__service_config_registry__)


def test_a_call_that_does_not_wait_is_refused(site_a: Place) -> None:
    call = asked(site_a, "code.call", blocking=False).sign(key_of(site_a.dana))
    assert site_a.reasons(posted(site_a, call)) == [Reason.NOT_BLOCKING]


def test_a_call_for_another_site_is_not_passed_on(site_a: Place) -> None:
    call = asked(site_a, "dataset.get_all", server_uid=UID()).sign(key_of(site_a.dana))
    assert site_a.reasons(posted(site_a, call)) == [Reason.OTHER_SITE]


def test_a_type_that_no_call_needs_is_refused(site_a: Place) -> None:
    for value in ({1, 2}, range(3), 1j):
        call = asked(site_a, "dataset.get_all", kwargs={"x": [value]}).sign(key_of(site_a.dana))
        assert site_a.reasons(posted(site_a, call)) == [Reason.FORM]


def test_a_call_with_somebody_elses_key_is_refused(site_a: Place) -> None:
    call = asked(site_a, "dataset.get_all").sign(SyftSigningKey.generate())
    call.credentials = key_of(site_a.dana).verify_key
    assert site_a.reasons(posted(site_a, call)) == [Reason.SIGNATURE]


@pytest.mark.parametrize("body", [b"", b"x", b"\0" * 64, b"\xff" * 4096])
def test_what_is_no_call_is_refused(site_a: Place, body: bytes) -> None:
    assert site_a.reasons(lambda: sent(site_a, "POST", CALL_PATH, body)) == [Reason.FORM]


def test_an_unsigned_call_or_another_message_is_refused(site_a: Place) -> None:
    call = asked(site_a, "dataset.get_all")
    assert site_a.reasons(posted(site_a, call)) == [Reason.FORM]
    data = SyftAPIData(data=1).sign(key_of(site_a.dana))
    assert site_a.reasons(posted(site_a, data)) == [Reason.FORM]


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/docs", "/redoc", "/openapi.json", "/api/v2", "/api/v2/", "/api/v2/register"),
        *("/api/v2/reset_password", "/api/v2/forgot_password", "/api/v2/stream/a/b/"),
        *("/api/v2/login", "/api/v2/api", "/api/v2/api?verify_key=00"),
        *("/api/v2/api_call/", "/api/v2//api_call", "/api/v2/metadata_capnp", "/API/V2/metadata"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_no_other_path_answers(site_a: Place, method: str, path: str) -> None:
    assert site_a.reasons(lambda: sent(site_a, method, path)) == [Reason.PATH]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(site_a: Place) -> None:
    with socket.create_connection((site_a.site.host, site_a.site.port), timeout=30) as line:
        head = f"POST {CALL_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
        found = site_a.reasons(lambda: told(line, head.encode()))
    assert found == [Reason.TOO_LARGE]


def test_a_body_of_unknown_length_is_counted(site_a: Place) -> None:
    with socket.create_connection((site_a.site.host, site_a.site.port), timeout=30) as line:
        head = f"POST {CALL_PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"100000\r\n" + b"x" * 2**20 + b"\r\n"
        found = site_a.reasons(lambda: told(line, head.encode() + chunk * 5))
    assert found == [Reason.TOO_LARGE]


def test_a_slow_body_is_refused(site_a: Place) -> None:
    with socket.create_connection((site_a.site.host, site_a.site.port), timeout=30) as line:
        head = f"POST {CALL_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{{"
        answer: list[bytes] = []
        found = site_a.reasons(lambda: answer.append(told(line, head.encode())))
    assert found == [Reason.TOO_SLOW]
    assert answer[0].startswith(b"HTTP/1.1 408")


def test_a_refusal_repeats_nothing_that_was_sent(site_a: Place) -> None:
    connection = http.client.HTTPConnection(site_a.site.host, site_a.site.port, timeout=30)
    connection.request("GET", "/a-private-word")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert set(answer) == {"refused", "what"}
    assert "private" not in str(answer)
    assert "private" not in str(site_a.refused[-1])


def test_somebody_who_calls_very_fast_is_slowed_down() -> None:
    def answered(attempts: int) -> list[str]:
        import asyncio

        refused: list[str] = []

        async def inner(scope: Any, receive: Any, send: Any) -> None: ...

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None: ...

        door = FrontFilter(
            inner=inner,
            site="",
            role_of=lambda _: None,
            refused=lambda each: refused.append(each.reason),
            limits=Limits(calls=Pace(each_second=0, at_once=3)),
        )
        scope = {
            "type": "http",
            "method": "GET",
            "path": METADATA_PATH,
            "headers": [],
            "query_string": b"",
            "client": ("127.0.0.1", 1),
        }

        async def all_of_them() -> None:
            for _ in range(attempts):
                await door(scope, receive, send)

        asyncio.run(all_of_them())
        return refused

    assert answered(3) == []
    assert answered(5) == [Reason.TOO_MANY, Reason.TOO_MANY]


def test_who_the_site_is_may_be_read_by_a_stranger(site_a: Place) -> None:
    assert sent(site_a, "GET", METADATA_PATH) == 200


def test_the_answer_of_a_call_is_signed_by_the_site(site_a: Place) -> None:
    call = asked(site_a, "dataset.get_all").sign(key_of(site_a.dana))
    connection = http.client.HTTPConnection(site_a.site.host, site_a.site.port, timeout=30)
    connection.request("POST", CALL_PATH, body=serialize(call))
    answer = deserialize(connection.getresponse().read())
    connection.close()
    assert answer.is_valid
    assert answer.credentials == site_a.site.datasite.verify_key
