"""Serves a site: its folder held, its port bound, PySyft built, the door before it.

`serve` runs until SIGTERM or SIGINT and returns; `running` serves beside the caller, for the
length of a `with`. Both end with the port closed and the folder free. The owner's client works
inside the process and needs no port.
"""

import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn
from fastapi import FastAPI

from securefed.adapters.syft_site.beside import Beside
from securefed.adapters.syft_site.certificates import Tls
from securefed.adapters.syft_site.connections import KEPT_S
from securefed.adapters.syft_site.datasite import Root, build_datasite
from securefed.adapters.syft_site.front_filter import Application, FrontFilter, Limits
from securefed.adapters.syft_site.identity import kept_identity
from securefed.adapters.syft_site.pysyft import (
    Datasite,
    DatasiteClient,
    ServiceRole,
    SyftVerifyKey,
    get_lifetime,
    make_routes,
)
from securefed.adapters.syft_site.site_lock import bound_port, held_folder
from securefed.domain.door import API, CALLER_ROLE, Refused
from securefed.errors import StorageFailed

_GOODBYE_SECONDS = 3
_MOST_CONNECTIONS = 256
_ROLES = {ServiceRole.DATA_SCIENTIST: CALLER_ROLE}


@dataclass(frozen=True, kw_only=True)
class RunningSite:
    """A site that answers. `owner` is the root's client, inside this process."""

    host: str
    port: int
    datasite: Datasite

    @property
    def owner(self) -> DatasiteClient:
        """Acts as the first owner, without a password and without the network."""
        return self.datasite.root_client


def _nothing_within(_: RunningSite) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True, kw_only=True)
class SiteServer:
    """What to serve, where, and who is told of each refusal.

    `within` is entered before the first request is taken and left after the last one is answered;
    `blobs` answers below /blobs, past the door, with checks of its own."""

    folder: Path
    name: str
    root: Root
    refused: Callable[[Refused], None]
    host: str = "127.0.0.1"
    port: int = 0
    tls: Tls | None = None
    limits: Limits = field(default_factory=Limits)
    blobs: Application | None = None
    within: Callable[[RunningSite], AbstractContextManager[None]] = _nothing_within


def serve(site: SiteServer, ready: Callable[[RunningSite], None]) -> None:
    """Serves until the process is asked to end. Only for a process's main thread."""
    with _prepared(site) as (server, bound, running):
        # uvicorn raises the signal once more when it is done, for whoever listened before it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        server.on_ready = lambda: ready(running)
        server.run(sockets=[bound])


@contextmanager
def running(site: SiteServer) -> Iterator[RunningSite]:
    """Serves in a thread of its own while the block runs."""
    with _prepared(site) as (server, bound, found):
        up = threading.Event()
        server.on_ready = up.set
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        try:
            while not up.wait(0.05):
                if not thread.is_alive():
                    raise StorageFailed("The server ended before it answered")
            yield found
        finally:
            server.should_exit = True
            thread.join()


class _Server(uvicorn.Server):
    """Says when it answers."""

    on_ready: Callable[[], None]

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.on_ready()


@contextmanager
def _prepared(site: SiteServer) -> Iterator[tuple[_Server, socket, RunningSite]]:
    if site.tls is not None:
        site.tls.checked(datetime.now(UTC))
    with ExitStack() as held:
        held.enter_context(held_folder(site.folder))
        bound = held.enter_context(bound_port(site.host, site.port))
        identity = kept_identity(site.folder / "datasite.json")
        datasite = build_datasite(site.folder, site.name, identity, site.root)
        door = FrontFilter(
            inner=_application(datasite),
            site=identity.uid,
            role_of=_role_of(datasite),
            refused=site.refused,
            limits=site.limits,
        )
        port = bound.getsockname()[1]
        running_site = RunningSite(host=site.host, port=port, datasite=datasite)
        held.enter_context(site.within(running_site))
        served = door if site.blobs is None else Beside(door, site.blobs)
        yield _Server(_settings(site, served)), bound, running_site


def _application(datasite: Datasite) -> FastAPI:
    pages: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}
    application = FastAPI(lifespan=get_lifetime(datasite), **pages)
    # PySyft names its examples in a form that fastapi warns about.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        application.include_router(make_routes(worker=datasite), prefix=API)
    return application


def _role_of(datasite: Datasite) -> Callable[[bytes], str | None]:
    def role(key: bytes) -> str | None:
        try:
            asked = SyftVerifyKey.from_string(key.hex())
        except ValueError:
            return None
        return _ROLES.get(datasite.get_role_for_credentials(asked))

    return role


def _settings(site: SiteServer, served: Application) -> uvicorn.Config:
    return uvicorn.Config(
        served,
        log_config=None,
        access_log=False,
        server_header=False,
        # What a proxy says about addresses would let anybody choose whose pace is counted.
        proxy_headers=False,
        ws="none",
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=KEPT_S,
        timeout_graceful_shutdown=_GOODBYE_SECONDS,
        ssl_certfile=site.tls.certificate if site.tls else None,
        ssl_keyfile=site.tls.key if site.tls else None,
    )
