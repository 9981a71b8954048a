"""Logs in to a site with PySyft's client, over HTTP or over TLS on any port.

PySyft's own login forces port 443 for https, takes proxies and CAs from the environment, and keeps
clients in a cache by password. This goes around all three: an address that keeps its port, and a
session of its own that trusts exactly one CA file, for the login and for every call after it.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from securefed.adapters.syft_site.pysyft import (
    DatasiteClient,
    HTTPConnection,
    ServerURL,
    SyftException,
    deserialize,
    serialize,
)
from securefed.errors import LoginRefused, SiteUnreachable

_SECONDS = 120


class _KeptUrl(ServerURL):
    """An address that a copy does not change: PySyft copies one for each path."""

    def __copy__(self) -> "_KeptUrl":
        return _KeptUrl(
            protocol=self.protocol,
            host_or_ip=self.host_or_ip,
            port=self.port,
            path=self.path,
            query=self.query,
        )


class _OwnSession(requests.Session):
    """A session that the environment does not redirect, and that follows nobody elsewhere."""

    def __init__(self, authority: Path | None) -> None:
        super().__init__()
        self.trust_env = False
        self._authority = authority

    def request(self, method: str | bytes, url: str | bytes, *_: Any, **kwargs: Any) -> Any:
        kwargs |= {"allow_redirects": False, "timeout": _SECONDS}
        kwargs["verify"] = str(self._authority) if self._authority else True
        return super().request(method, url, **kwargs)


# PySyft's base class sets an option that pydantic warns about for each class made of it.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)

    class _OwnConnection(HTTPConnection):
        """A connection that also makes its calls over its session; PySyft's opens a new one for
        each, which trusts what the environment says."""

        __canonical_name__ = "SecurefedConnection"
        __version__ = 1

        def make_call(self, signed_call: Any) -> Any:
            path = self.routes.ROUTE_API_CALL.value
            return deserialize(self._make_post(path, data=serialize(signed_call)))


def connect(host: str, port: int, authority: Path | None = None) -> DatasiteClient:
    """A client that has not logged in; over TLS where the CA's certificate is named."""
    url = _KeptUrl(protocol="https" if authority else "http", host_or_ip=host, port=port)
    connection = _OwnConnection(url=url, session_cache=_OwnSession(authority))
    with _failures(f"{host}:{port}"):
        return DatasiteClient(connection=connection)


def log_in(
    host: str, port: int, email: str, password: str, authority: Path | None = None
) -> DatasiteClient:
    """A data scientist's client."""
    client = connect(host, port, authority)
    with _failures(f"{host}:{port}"), contextlib.redirect_stdout(io.StringIO()):
        try:
            return client.login(email=email, password=password, cache=False)
        except SyftException as error:
            raise LoginRefused("The site refused the login", where=f"{host}:{port}") from error


def hang_up(client: DatasiteClient) -> None:
    """Closes a client's connection, which a site that is stopping would otherwise wait for."""
    client.connection.session.close()


@contextlib.contextmanager
def _failures(where: str) -> Iterator[None]:
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise SiteUnreachable("The CA does not vouch for this site", where=where) from error
    except requests.RequestException as error:
        raise SiteUnreachable("The site did not answer as a site does", where=where) from error
