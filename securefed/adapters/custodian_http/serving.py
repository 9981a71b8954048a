"""The custodian's process while it serves: a socket, uvicorn, and a clean end.

Listens on this machine alone unless it is given a certificate, because what a custodian answers
must not be read on the way. Ends on SIGTERM and SIGINT: it takes no new requests, finishes the one
it has, and leaves no file.
"""

import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from securefed.errors import ConfigInvalid

_CONNECTIONS = 32
_LAST_ANSWER_S = 60


@dataclass(frozen=True, kw_only=True)
class Listening:
    """Where a custodian listens, and with which certificate."""

    host: str = "127.0.0.1"
    port: int = 8700
    certificate: Path | None = None
    certificate_key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.certificate_key is None):
            raise ConfigInvalid("A certificate and its key are given together")
        if self.certificate is None and not _is_local(self.host):
            raise ConfigInvalid(f"To listen on {self.host}, a custodian needs a certificate")

    @property
    def scheme(self) -> str:
        """How its address begins."""
        return "http" if self.certificate is None else "https"


def run_service(app: FastAPI, listening: Listening, ready: Callable[[str], None]) -> None:
    """Serves until it is told to end; `ready` is told the address first."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=_LAST_ANSWER_S,
        ssl_certfile=listening.certificate,
        ssl_keyfile=listening.certificate_key,
    )
    try:
        bound = socket.create_server((listening.host, listening.port))
    except OSError as error:
        where = f"{listening.host}:{listening.port}"
        raise ConfigInvalid(f"Cannot listen: {error.strerror}", where=where) from error
    with bound:
        ready(f"{listening.scheme}://{listening.host}:{bound.getsockname()[1]}")
        # uvicorn ends by itself on SIGTERM and raises the signal again; that is an ordinary end.
        before = signal.signal(signal.SIGTERM, _ended)
        try:
            uvicorn.Server(config).run(sockets=[bound])
        finally:
            signal.signal(signal.SIGTERM, before)


def _ended(_signal: int, _frame: FrameType | None) -> None:
    return


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
