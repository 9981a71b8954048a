"""The door before PySyft: an ASGI layer that asks `domain.door` about each request.

Promises that PySyft sees nothing before its path, its pace, its size, its caller's key, its
signature and its form were looked at, in this order; that a body comes whole within a time or not
at all; and that each refusal is told to whoever keeps count. An answer to a refusal never repeats
what was sent.
"""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from securefed.adapters.syft_site.frames import MalformedFrame, read_call
from securefed.domain.door import (
    CALL_PATH,
    Allowed,
    Pace,
    Reason,
    Refused,
    paced,
    refused_call,
    refused_caller,
    refused_route,
    refused_size,
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_STATUS = {
    Reason.PATH: 404,
    Reason.TOO_LARGE: 413,
    Reason.TOO_SLOW: 408,
    Reason.TOO_MANY: 429,
    Reason.FORM: 400,
}
_CALLS = Pace(each_second=200, at_once=400)
_MOST_ADDRESSES = 4096
_MALFORMED = Refused(reason=Reason.FORM, what="The body is not a call in the form that is taken.")
_SLOW = Refused(reason=Reason.TOO_SLOW, what="The body did not come in time.")
_UNSIGNED = Refused(reason=Reason.SIGNATURE, what="The call is not signed by the key it names.")
_FAST = Refused(reason=Reason.TOO_MANY, what="Too many requests from this address.")


class _Left(Exception):
    """The client went away within its body."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a body may take, and how fast an address may call."""

    body_seconds: float = 20.0
    calls: Pace = _CALLS


@dataclass(kw_only=True)
class FrontFilter:
    """The layer. `role_of` says what a key (32 bytes) is here; `refused` keeps count."""

    inner: Application
    site: str
    role_of: Callable[[bytes], str | None]
    refused: Callable[[Refused], None]
    limits: Limits = field(default_factory=Limits)
    _paces: OrderedDict[str, Allowed] = field(default_factory=OrderedDict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or answers it."""
        if scope["type"] == "lifespan":
            await self.inner(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._before_body(scope)
        body = b""
        if refusal is None:
            try:
                async with asyncio.timeout(self.limits.body_seconds):
                    body, refusal = await _whole_body(scope, receive)
            except TimeoutError:
                refusal = _SLOW
            except _Left:
                return
        # A thread: the keys are in a database.
        refusal = refusal or await asyncio.to_thread(self._whole, scope, body)
        if refusal is None:
            await self.inner(scope, _replay(body, receive), send)
        else:
            self.refused(refusal)
            await _answer(refusal, send)

    def _before_body(self, scope: Scope) -> Refused | None:
        method, path = scope["method"], scope["path"]
        return self._hurried(scope) or refused_route(method, path) or _declared(scope, method, path)

    def _hurried(self, scope: Scope) -> Refused | None:
        address = scope["client"][0] if scope.get("client") else ""
        left = paced(self._paces.get(address), time.monotonic(), self.limits.calls)
        if left is None:
            return _FAST
        self._paces[address] = left
        self._paces.move_to_end(address)
        if len(self._paces) > _MOST_ADDRESSES:
            self._paces.popitem(last=False)
        return None

    def _whole(self, scope: Scope, body: bytes) -> Refused | None:
        return self._call(body) if scope["path"] == CALL_PATH else None

    def _call(self, body: bytes) -> Refused | None:
        try:
            asked = read_call(body)
            refusal = refused_caller(self.role_of(asked.key))
            if refusal is None:
                Ed25519PublicKey.from_public_bytes(asked.key).verify(asked.signature, asked.signed)
        except MalformedFrame:
            return _MALFORMED
        except (InvalidSignature, ValueError):
            return _UNSIGNED
        return refusal or refused_call(asked.call, self.site)


def _declared(scope: Scope, method: str, path: str) -> Refused | None:
    sizes = [value for name, value in scope["headers"] if name == b"content-length"]
    if not sizes:
        return None
    if len(sizes) > 1 or not sizes[0].isdigit():
        return _MALFORMED
    return refused_size(method, path, int(sizes[0]))


async def _whole_body(scope: Scope, receive: Receive) -> tuple[bytes, Refused | None]:
    found = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _Left
        found += message.get("body", b"")
        refusal = refused_size(scope["method"], scope["path"], len(found))
        if refusal is not None or not message.get("more_body", False):
            return bytes(found), refusal


def _replay(body: bytes, receive: Receive) -> Receive:
    parts = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> MutableMapping[str, Any]:
        return parts.pop() if parts else await receive()

    return again


async def _answer(refusal: Refused, send: Send) -> None:
    body = json.dumps({"refused": refusal.reason, "what": refusal.what}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    status = _STATUS.get(refusal.reason, 403)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
