"""The site's side of the blob channel: an ASGI application.

Promises that a ticket is checked completely before a byte of a body is read; that memory holds two
blocks a transfer, however large the blob; and that an upload which stands still ends, keeping what
came. Refusals are answered with the error's code. It knows no accounts: who may have a ticket was
decided where the ticket was issued. It is bare ASGI because a framework's streaming costs a
conversion for every block and gives nothing here.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from securefed.adapters.blob_http.pouring import pour
from securefed.adapters.blob_http.spoken import (
    BLOCK,
    SCHEME,
    STATUS,
    blob_of,
    length_of,
    refusal,
    start_of,
)
from securefed.domain.blob import BlobId, Direction, Held, Ticket, read_ticket
from securefed.domain.identifiers import Name, PublicKey, SiteId
from securefed.domain.ledger import Verify
from securefed.domain.round import RoundId
from securefed.errors import (
    BlobLengthWrong,
    NotFound,
    SecurefedError,
    TicketExpired,
    TicketInvalid,
    TicketSpent,
)
from securefed.ports import BlobStore, BlobWriter, Clock

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_DIRECTIONS = {
    "POST": Direction.UPLOAD,
    "PUT": Direction.UPLOAD,
    "GET": Direction.DOWNLOAD,
    "DELETE": Direction.DOWNLOAD,
}
_PATIENCE = 30.0


@dataclass(frozen=True)
class _Asked:
    """A request whose ticket holds."""

    ticket: Ticket
    headers: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class BlobChannel:
    """The application. `serves` says whether the site keeps the files of an attempt; `refused` is
    told the code of each refusal."""

    site: SiteId
    key: PublicKey
    verify: Verify
    clock: Clock
    store: BlobStore
    serves: Callable[[RoundId], bool]
    refused: Callable[[Name], None] = lambda _: None
    patience: float = _PATIENCE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        try:
            asked = await asyncio.to_thread(self._admit, scope)
            match scope["method"]:
                case "POST":
                    await _answer(send, 200, await asyncio.to_thread(self._state, asked.ticket))
                case "PUT":
                    await self._upload(asked, receive)
                    await _answer(send, 201, b"{}")
                case "GET":
                    await self._download(asked, send)
                case _:
                    nonce = asked.ticket.nonce
                    await asyncio.to_thread(self.store.spend, asked.ticket.blob.of, nonce)
                    await _answer(send, 200, b"{}")
        except SecurefedError as error:
            self.refused(Name(error.code))
            await _answer(send, STATUS.get(type(error), 400), refusal(error))

    def _admit(self, scope: Scope) -> _Asked:
        """Everything that can be known before the body."""
        blob = blob_of(scope["path"].removeprefix(scope.get("root_path", "")))
        direction = _DIRECTIONS.get(scope["method"])
        if direction is None:
            raise NotFound("The blob channel has no such method")
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        ticket = self._genuine(headers.get("authorization", ""), blob, direction)
        if self.store.spent(ticket.blob.of, ticket.nonce):
            raise TicketSpent("The receiver has said that it has the blob", where=str(blob))
        return _Asked(ticket, headers)

    def _genuine(self, shown: str, blob: BlobId, direction: Direction) -> Ticket:
        if not shown.startswith(SCHEME):
            raise TicketInvalid("The request shows no ticket")
        signed = read_ticket(shown.removeprefix(SCHEME))
        # Another site's ticket is told apart first, so that its bearer learns what is wrong.
        signed.ticket.expect(self.site, blob, direction, self.clock.now())
        signed.check(self.key, self.verify)
        if not self.serves(blob.of):
            raise TicketExpired("The site keeps nothing of this round", where=str(blob))
        return signed.ticket

    def _state(self, ticket: Ticket) -> bytes:
        """How much is there, after all the checks that an upload makes."""
        held = self.store.held(ticket.blob)
        if not held.whole:
            with closing(self.store.writer(ticket.blob, ticket.length)) as writer:
                held = Held(length=writer.held, whole=False)
        return json.dumps({"held": held.length, "whole": held.whole}).encode()

    async def _upload(self, asked: _Asked, receive: Receive) -> None:
        start = length_of(asked.headers.get("upload-offset"))
        length = length_of(asked.headers.get("content-length"))
        writer = await asyncio.to_thread(self._begin, asked.ticket, start, length)
        try:
            await pour(receive, writer.write, self.patience)
            await asyncio.to_thread(writer.finish)
        finally:
            await asyncio.to_thread(writer.close)

    def _begin(self, ticket: Ticket, start: int, length: int) -> BlobWriter:
        # The writer first: what is there can only be compared while nobody else adds to it.
        writer = self.store.writer(ticket.blob, ticket.length)
        try:
            ticket.expect_rest(writer.held, start, length)
        except SecurefedError:
            writer.close()
            raise
        return writer

    async def _download(self, asked: _Asked, send: Send) -> None:
        ticket = asked.ticket
        start = start_of(asked.headers.get("range"), ticket.length)
        file = await asyncio.to_thread(self.store.open, ticket.blob)
        with file:
            if file.seek(0, os.SEEK_END) != ticket.length:
                raise BlobLengthWrong("The blob has another length than the ticket says")
            file.seek(start)
            headers = [
                (b"content-type", b"application/octet-stream"),
                (b"content-length", b"%d" % (ticket.length - start)),
                (b"content-range", b"bytes %d-%d/%d" % (start, ticket.length - 1, ticket.length)),
            ]
            status = 206 if start else 200
            await send({"type": "http.response.start", "status": status, "headers": headers})
            # A receiver that stands still, or is gone, gets no more: the response stays short.
            with suppress(TimeoutError, OSError):
                await self._pass_on(file, ticket.length - start, send)

    async def _pass_on(self, file: BinaryIO, missing: int, send: Send) -> None:
        while missing:
            block = await asyncio.to_thread(file.read, min(BLOCK, missing))
            if not block:
                return
            missing -= len(block)
            body = {"type": "http.response.body", "body": block, "more_body": missing > 0}
            async with asyncio.timeout(self.patience):
                await send(body)


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
