"""One connection to a site's blob channel, with every way in which it can break as ours.

Promises to reach only the host that was named: no proxy of the environment, no redirect. An answer
that is not the channel's is an error, whatever it says.
"""

import http.client
import ssl
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from io import FileIO
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from securefed.adapters.blob_http.spoken import BLOCK, SCHEME, path_of, refused
from securefed.domain.blob import SignedTicket
from securefed.errors import BlobUnreachable, ConfigInvalid

_LARGEST_ANSWER = 8192
_DONE = (200, 201, 206)
_BREAKS = (http.client.HTTPException, OSError, ValueError, KeyError, TypeError, RecursionError)


@dataclass(frozen=True)
class Origin:
    """Where a channel is."""

    host: str
    port: int | None
    path: str
    tls: ssl.SSLContext | None
    patience: float

    @classmethod
    def of(cls, url: str, tls: ssl.SSLContext | None, patience: float) -> Self:
        """The parts of an address. TLS is there with a context, and only then."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ConfigInvalid(f"{url[:80]!a} is not an address") from error
        if parts.scheme != ("http" if tls is None else "https") or not parts.hostname:
            raise ConfigInvalid("A blob channel is at http://…, or at https://… with certificates")
        return cls(parts.hostname, port, parts.path.rstrip("/"), tls, patience)

    def connection(self) -> http.client.HTTPConnection:
        """A connection that is not open yet."""
        if self.tls is None:
            return http.client.HTTPConnection(
                self.host, self.port, timeout=self.patience, blocksize=BLOCK
            )
        return http.client.HTTPSConnection(
            self.host, self.port, timeout=self.patience, blocksize=BLOCK, context=self.tls
        )


class Exchange:
    """A connection on which one ticket is shown."""

    def __init__(self, origin: Origin, ticket: SignedTicket) -> None:
        self._open = ExitStack()
        self._connection = self._open.enter_context(closing(origin.connection()))
        self._path = origin.path + path_of(ticket.ticket.blob)
        self._shown = {"Authorization": SCHEME + ticket.text}

    def begin(
        self, method: str, headers: Mapping[str, str], body: FileIO | None = None
    ) -> http.client.HTTPResponse:
        """The site's answer, if it is one of success; its body is still to be read."""
        if self._connection.sock is None:
            self._connection.connect()
        # A site that refuses may close before it has read the body; its answer says why.
        with suppress(ConnectionError):
            self._connection.request(method, self._path, body, {**self._shown, **headers})
        response = self._open.enter_context(self._connection.getresponse())
        if response.status not in _DONE:
            raise refused(response.status, response.read(_LARGEST_ANSWER))
        return response

    def ask(
        self, method: str, headers: Mapping[str, str] | None = None, body: FileIO | None = None
    ) -> bytes:
        """The site's whole answer, which is small."""
        return self.begin(method, headers or {}, body).read(_LARGEST_ANSWER)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()
        if isinstance(error, _BREAKS):
            raise BlobUnreachable(f"The channel broke: {type(error).__name__}") from error
