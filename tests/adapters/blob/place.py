"""A site with a blob channel, as tests and the benchmark start it.

`python -m tests.adapters.blob.place FOLDER PORT` serves one in a process of its own, which can be
killed; its key is the one that `Place` signs tickets with.
"""

import asyncio
import hashlib
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn

from securefed.adapters.blob_files import FolderBlobs
from securefed.adapters.blob_http import BlobChannel, BlobClient
from securefed.adapters.blob_http.channel import Receive, Scope, Send
from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.adapters.memory import MemoryClock, MemoryEntropy
from securefed.adapters.this_machine import SystemClock
from securefed.domain.blob import BlobId, Direction, SignedTicket
from securefed.domain.identifiers import Digest, RequestId, SiteId
from securefed.domain.round import RoundId
from securefed.ports import BlobStore, Clock
from securefed.steps.issue_ticket import issue_ticket

SITE = SiteId("hospital-a")
SIGNER = Ed25519Signer(bytes(32))
OF = RoundId(request=RequestId("cr-7f3a90b1c2d4"), round=3, attempt=1)
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
QUOTA = 1 << 30
_ROOT = Path(__file__).parents[3]


def sha256(data: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


def blob_of(data: bytes, of: RoundId = OF) -> BlobId:
    return BlobId(of=of, digest=sha256(data))


@dataclass
class Place:
    """A site's channel without a server, and its tickets."""

    store: BlobStore
    clock: Clock = field(default_factory=lambda: MemoryClock(START))
    rounds: set[RoundId] = field(default_factory=lambda: {OF})
    entropy: MemoryEntropy = field(default_factory=MemoryEntropy)

    def channel(self, patience: float = 10.0) -> BlobChannel:
        return BlobChannel(
            site=SITE,
            key=SIGNER.key,
            verify=verify,
            clock=self.clock,
            store=self.store,
            serves=lambda of: of in self.rounds,
            patience=patience,
        )

    def ticket(
        self, data: bytes, direction: Direction = Direction.UPLOAD, **changes: object
    ) -> SignedTicket:
        """A ticket for these bytes; changes are made before it is signed."""
        issued = issue_ticket(
            SITE,
            blob_of(data),
            direction,
            len(data),
            clock=self.clock,
            entropy=self.entropy,
            signer=SIGNER,
        ).ticket
        ticket = replace(issued, **changes)
        return SignedTicket(ticket=ticket, signature=SIGNER.sign(ticket.signed))


class Door:
    """An application that passes everything on to the channel that stands behind it now."""

    channel: BlobChannel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.channel(scope, receive, send)


def config(app: object, certificate: Path | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_level="critical",
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate,
    )


@contextmanager
def served(app: object, certificate: Path | None = None) -> Iterator[str]:
    """An application behind a real server in a thread; gives its address."""
    server = uvicorn.Server(config(app, certificate))
    with socket.create_server(("127.0.0.1", 0)) as bound:
        thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[bound]),))
        thread.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class Process:
    """The channel, or another server, in a process that can be killed. It keeps its port."""

    def __init__(self, folder: Path, module: str = "tests.adapters.blob.place") -> None:
        self.folder = folder
        self.module = module
        self.store = FolderBlobs(folder, QUOTA)
        self.place = Place(self.store, SystemClock())
        with socket.create_server(("127.0.0.1", 0)) as bound:
            self.port = bound.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", self.module]
        self.running = subprocess.Popen(
            [*command, str(self.folder), str(self.port)], stdout=subprocess.PIPE, cwd=_ROOT
        )
        assert self.running.stdout is not None
        assert self.running.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        self.running.kill()
        self.running.wait()
        assert self.running.stdout is not None
        self.running.stdout.close()


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """As a full disk does it: a write that crosses the size is cut short, the next one fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def client(url: str, **more: object) -> BlobClient:
    return BlobClient(url, **{"wait": lambda _: None, **more})


def later(**delta: int) -> datetime:
    return START + timedelta(**delta)


def main(folder: str, port: str) -> None:
    place = Place(FolderBlobs(Path(folder), QUOTA), SystemClock())
    with socket.create_server(("127.0.0.1", int(port))) as bound:
        print("ready", flush=True)
        uvicorn.Server(config(place.channel())).run(sockets=[bound])


if __name__ == "__main__":
    main(*sys.argv[1:])
