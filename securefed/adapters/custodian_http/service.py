"""The custodian's service: six paths, and every failure as JSON with our codes.

    GET  /studies/{study}/cards        the study's signed key cards
    GET  /studies/{study}/public-key   the newest lattice key, which its card names by digest
    GET  /checkpoint                   the log's head, signed
    POST /studies/{study}/openings     a sum, for its words or the sum of its masks
    POST /studies/{study}/canaries     a canary's sum, for yes or no
    POST /studies/{study}/checkpoints  checkpoints of others, to be signed; answered with its own

Posts are signed by the study's coordinator, which is checked before a byte of the body is read. One
is worked on at a time, and a body that does not come in time is given up. An answer is made whole
before its first byte is sent. What goes wrong unexpectedly is told to the operator, not the client.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from securefed.adapters.custodian_http.announcement import Received, most_bytes, receive
from securefed.adapters.custodian_http.answers import (
    Cards,
    Proved,
    signed_answer,
    written_words,
)
from securefed.adapters.custodian_http.signed_request import RequestGuard, RequestLine
from securefed.aggregation.chunks import Words
from securefed.aggregation.shape import shape_of
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.custody import StudyCustody
from securefed.domain.identifiers import Digest, Signature, StudyId
from securefed.domain.key_card import Registration
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.update import Roster, Seal
from securefed.domain.witnessing import KeyedNote, Witness, Witnessed
from securefed.errors import (
    CustodianBusy,
    ExitCode,
    IntegrityError,
    NotFound,
    RequestRefused,
    SecurefedError,
)

LARGEST_TEXT = 1 << 21
_BYTES = "application/octet-stream"
_PART = 1 << 18
_DRAINED, _DRAINED_S = 1 << 22, 5
_STATUS = {
    ExitCode.USAGE: 400,
    ExitCode.POLICY: 403,
    ExitCode.INTEGRITY: 422,
    ExitCode.UNEXPECTED: 503,
}


Post: TypeAlias = tuple[RequestLine, Received]


class Desk(Protocol):
    """A custodian, as its service needs it."""

    def study(self, study: StudyId) -> StudyCustody:
        """What is registered of a study."""
        ...

    def public_key(self, study: StudyId) -> bytes:
        """The newest public lattice key."""
        ...

    def checkpoint(self) -> Checkpoint:
        """The log's head, signed."""
        ...

    def open(self, seal: Seal, roster: Roster, file: BinaryIO) -> Iterator[Words]:
        """A round's words."""
        ...

    def prove(self, seal: Seal, roster: Roster, file: BinaryIO, expected: Digest) -> bool:
        """Whether a canary opens to what is expected of it."""
        ...

    def sign(self, data: bytes) -> Signature:
        """The custodian's signature."""
        ...

    def witness(self, notes: tuple[KeyedNote, ...]) -> Witnessed:
        """Checkpoints of others with its signature, and its own newest one."""
        ...


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a body may take: this long, and a second more for each megabyte."""

    seconds: float = 30.0

    def for_body(self, length: int) -> float:
        """The seconds that a body of a length has."""
        return self.seconds + length / 1e6


@dataclass(frozen=True, kw_only=True)
class Counter:
    """Where posts are taken: one at a time."""

    desk: Desk
    guard: RequestGuard
    folder: Path
    patience: Patience
    turn: asyncio.Lock

    @asynccontextmanager
    async def taken(self, request: Request, study: StudyId) -> AsyncIterator[Post]:
        """A post's signed line and whole body."""
        try:
            line = self._admitted(request, study)
        except SecurefedError:
            await _drained(request)
            raise
        async with self.turn:
            received = await self._received(request, line)
            with received.file:
                if received.announcement.seal.study != study:
                    raise RequestRefused("The sum is announced for another study than the path's")
                yield line, received

    async def told(self, request: Request, study: StudyId) -> bytes:
        """The body of a post that is no sum, once it is whole; it waits for nobody's turn."""
        registration = self.desk.study(study).registration
        line = self._signed(request, registration)
        if line.length > LARGEST_TEXT:
            raise RequestRefused(f"{line.length} bytes are more than any checkpoints have")
        try:
            async with asyncio.timeout(self.patience.for_body(line.length)):
                body = await request.body()
        except TimeoutError:
            raise CustodianBusy("The body did not come in time") from None
        except ClientDisconnect:
            raise RequestRefused("The connection ended within the body") from None
        if "sha256:" + hashlib.sha256(body).hexdigest() != line.body:
            raise RequestRefused("The body is not the one that was signed")
        return body

    def _signed(self, request: Request, registration: Registration) -> RequestLine:
        path = request.scope["path"]
        return self.guard.admit(request.method, path, request.headers, registration.coordinator)

    def _admitted(self, request: Request, study: StudyId) -> RequestLine:
        registration = self.desk.study(study).registration
        line = self._signed(request, registration)
        if line.length > most_bytes(registration):
            raise RequestRefused(f"{line.length} bytes are more than any sum of {study} has")
        if self.turn.locked():
            raise CustodianBusy("The custodian is at work on another sum")
        return line

    async def _received(self, request: Request, line: RequestLine) -> Received:
        try:
            async with asyncio.timeout(self.patience.for_body(line.length)):
                return await receive(request.stream(), line, self.folder)
        except TimeoutError:
            raise CustodianBusy("The body did not come in time") from None
        except ClientDisconnect:
            raise RequestRefused("The connection ended within the body") from None

    def words(self, line: RequestLine, received: Received) -> BinaryIO:
        """The answer to an opening, whole, in a file without a name."""
        said = received.announcement
        opened = self.desk.open(said.seal, said.roster, received.file)
        chunks = shape_of(said.seal).chunks
        with ExitStack() as closing:
            answer = closing.enter_context(tempfile.TemporaryFile(dir=self.folder))
            answer.writelines(written_words(line.digest, chunks, opened, self.desk.sign))
            closing.pop_all()
            return answer

    def proof(self, line: RequestLine, received: Received) -> bytes:
        """The answer to a canary."""
        said = received.announcement
        if said.expected is None:
            raise RequestRefused("A canary says what is expected of it")
        proved = self.desk.prove(said.seal, said.roster, received.file, said.expected)
        return to_bytes(signed_answer(Proved(asked=line.digest, proved=proved), self.desk.sign))


def service(desk: Desk, guard: RequestGuard, folder: Path, patience: Patience) -> FastAPI:
    """The application."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    counter = Counter(desk=desk, guard=guard, folder=folder, patience=patience, turn=asyncio.Lock())

    @app.get("/studies/{study}/cards")
    def cards(study: str) -> Response:
        found = desk.study(StudyId(study)).cards
        return Response(to_bytes(Cards(cards=tuple(found))), media_type="application/json")

    @app.get("/studies/{study}/public-key")
    def public_key(study: str) -> Response:
        return Response(desk.public_key(StudyId(study)), media_type=_BYTES)

    @app.get("/checkpoint")
    def checkpoint() -> Response:
        return Response(desk.checkpoint().note(), media_type="text/plain; charset=utf-8")

    @app.post("/studies/{study}/openings")
    async def openings(study: str, request: Request) -> Response:
        async with counter.taken(request, StudyId(study)) as (line, received):
            answer = await run_in_threadpool(counter.words, line, received)
        length = answer.tell()
        answer.seek(0)
        return StreamingResponse(
            _sent(answer), media_type=_BYTES, headers={"content-length": str(length)}
        )

    @app.post("/studies/{study}/canaries")
    async def canaries(study: str, request: Request) -> Response:
        async with counter.taken(request, StudyId(study)) as (line, received):
            proof = await run_in_threadpool(counter.proof, line, received)
        return Response(proof, media_type="application/json")

    @app.post("/studies/{study}/checkpoints")
    async def checkpoints(study: str, request: Request) -> Response:
        brought = _brought(await counter.told(request, StudyId(study)))
        answer = await run_in_threadpool(desk.witness, brought.notes)
        return Response(to_bytes(answer), media_type="application/json")

    app.add_exception_handler(SecurefedError, _ours)
    app.add_exception_handler(HTTPException, _no_such_path)
    app.add_exception_handler(Exception, _unexpected)
    return app


def _brought(body: bytes) -> Witness:
    try:
        return from_bytes(Witness, body)
    except IntegrityError as error:
        raise RequestRefused(f"No checkpoints: {error}") from error


async def _drained(request: Request) -> None:
    """Reads a little of a refused body: a client that is cut off while it sends hears no reason."""
    left = _DRAINED
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(_DRAINED_S):
            async for part in request.stream():
                left -= len(part)
                if left < 0:
                    return


async def _sent(answer: BinaryIO) -> AsyncIterator[bytes]:
    with answer:
        while part := answer.read(_PART):
            yield part


def _failed(status: int, code: str, what: str) -> Response:
    # A body that was not read whole must not be taken for the next request.
    return JSONResponse(
        {"error": {"code": code, "what": what}}, status, headers={"connection": "close"}
    )


async def _ours(_request: Request, error: Exception) -> Response:
    if not isinstance(error, SecurefedError):
        raise error
    status = _STATUS.get(error.exit_code, 500)
    if isinstance(error, NotFound):
        status = 404
    if isinstance(error, RequestRefused):
        status = 401
    return _failed(status, error.code, error.what)


async def _no_such_path(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _failed(status, NotFound.code, "There is no such path here")


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return _failed(500, "unexpected", "The custodian failed; its operator sees why")
