"""The composition root of the way to one site: PySyft for questions, the blob channel for files.

Promises that nobody is connected to before something is asked, so that a site which is away now can
come back; that over TLS only the authority of the federation's file is trusted; and that no ticket
is used which the site's own key did not sign. Making the first way loads PySyft, which takes
seconds.
"""

import ssl
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol, TypeAlias

from securefed.adapters.blob_http import BlobClient
from securefed.adapters.ed25519_keys import verify
from securefed.config.federation import Address, Federation
from securefed.domain.blob import SignedTicket, read_ticket
from securefed.domain.errand import Answer, Errand
from securefed.domain.identifiers import DatasetId, RequestId, SiteId
from securefed.domain.request import RequestState, SignedRequest
from securefed.errors import CertificateUnusable, NotFound
from securefed.ports import RemoteSite, Signer
from securefed.ports.closing import Closing

if TYPE_CHECKING:
    from securefed.adapters.syft_site.client import SiteClient

_CHANNEL = "/blobs"


class StudySite(RemoteSite, Protocol):
    """A site as a study's run calls it."""

    def units(self, dataset: DatasetId) -> int:
        """How many units the site's card of a dataset states."""
        ...

    def close(self) -> None:
        """Ends the connections."""
        ...


Connect: TypeAlias = Callable[[SiteId, Address, Signer], StudySite]


def connect_site(site: SiteId, address: Address, signer: Signer) -> StudySite:
    """The way to a site at an address; nothing is asked yet."""
    from securefed.adapters.syft_site.client import SiteClient

    def connect() -> SiteClient:
        return SiteClient.connect(site, address.host, address.port, signer, address.authority)

    return ConnectedSite(address, connect)


class Ways(Closing):
    """The ways of one person to the sites of a federation, each made when it is first needed."""

    def __init__(self, federation: Federation, signer: Signer, connect: Connect) -> None:
        self.federation = federation
        self.signer = signer
        self._connect = connect
        self._made: dict[SiteId, StudySite] = {}

    def to(self, site: SiteId) -> StudySite:
        """The way to a site."""
        if site not in self._made:
            address = self.federation.site(site)
            self._made[site] = self._connect(site, address, self.signer)
        return self._made[site]

    def close(self) -> None:
        """Ends the connections."""
        for one in self._made.values():
            one.close()


class ConnectedSite:
    """A site over the network. Any thread may call."""

    def __init__(self, address: Address, connect: Callable[[], "SiteClient"]) -> None:
        self._address = address
        self._connect = connect
        self._blobs = BlobClient(address.url + _CHANNEL, tls=_tls(address.authority))
        self._connecting = Lock()
        self._client: SiteClient | None = None

    def submit(self, signed: SignedRequest) -> None:
        """Files a request."""
        self._connected().submit(signed)

    def state(self, request: RequestId) -> RequestState:
        """Where a request stands, as the site tells it."""
        return self._connected().state(request).state

    def ask(self, request: RequestId, errand: Errand) -> Answer:
        """What the request's approved function answers."""
        return self._connected().ask(request, errand)

    def units(self, dataset: DatasetId) -> int:
        """The units on the card that the site shows."""
        for offered in self._connected().datasets():
            if offered.card.dataset == dataset:
                return offered.card.units
        raise NotFound(f"The site shows no dataset {dataset}", where=self._address.url)

    def send(self, ticket: str, source: Path) -> None:
        """Brings a file."""
        self._blobs.send(self._checked(ticket), source)

    def fetch(self, ticket: str, target: Path) -> None:
        """Fetches a file."""
        self._blobs.fetch(self._checked(ticket), target)

    def close(self) -> None:
        """Ends the connections."""
        with self._connecting:
            if self._client is not None:
                self._client.close()

    def _connected(self) -> "SiteClient":
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _checked(self, ticket: str) -> SignedTicket:
        found = read_ticket(ticket)
        found.check(self._address.key, verify)
        return found


def _tls(authority: Path | None) -> ssl.SSLContext | None:
    if authority is None:
        return None
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:
        what = "The CA's certificate cannot be read"
        raise CertificateUnusable(what, where=str(authority)) from error
