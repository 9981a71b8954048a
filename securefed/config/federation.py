"""`federation.toml`: where sites and custodians are, and how each is told from an impostor.

Their owners hand these lines over: the address, the public key that signs what they say of
themselves, and the certificate of the CA that vouches for them on the network. Nothing else is
trusted: no CA of the machine, no proxy of the environment. `https` needs a CA, and `http` is for
this machine only.
"""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import Field

from securefed.config.document import read_document
from securefed.config.fields import KeyText, LineText, Table
from securefed.config.problems import Problem, refused
from securefed.domain.identifiers import Name, PublicKey, SiteId
from securefed.errors import ConfigInvalid, IdentifierInvalid, NotFound

N = TypeVar("N", Name, SiteId)


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where somebody is, and whom to expect there."""

    host: str
    port: int
    authority: Path | None
    key: PublicKey

    @property
    def url(self) -> str:
        """The address as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.authority else 'http'}://{host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Federation:
    """All that a coordinator calls."""

    sites: dict[SiteId, Address]
    custodians: dict[Name, Address]

    def site(self, site: SiteId) -> Address:
        """Where a site is."""
        if site not in self.sites:
            raise NotFound(
                f"The federation's file has no site {site}",
                hint=f"Add a table [sites.{site}] with the lines that the site's owner gave you.",
            )
        return self.sites[site]


class AddressTable(Table):
    """Somebody's address."""

    url: LineText = Field(description="The address, as https://HOST:PORT, or http:// locally.")
    key: KeyText = Field(description="The public key that its owner told you.")
    ca: LineText | None = Field(
        default=None, description="The CA's certificate, relative to this file; for https."
    )


class FederationDocument(Table):
    """Where a federation's members are."""

    sites: dict[str, AddressTable] = Field(min_length=1, description="Each site by its name.")
    custodians: dict[str, AddressTable] = Field(
        default_factory=dict, description="Each custodian by its name."
    )


def load_federation(path: Path) -> Federation:
    """The federation in a file."""
    document = read_document(path, FederationDocument)
    return Federation(
        sites=_addresses(path, "sites", document.sites, SiteId),
        custodians=_addresses(path, "custodians", document.custodians, Name),
    )


def _addresses(
    file: Path, key: str, tables: dict[str, AddressTable], named: type[N]
) -> dict[N, Address]:
    found: dict[N, Address] = {}
    for name, table in tables.items():
        place = f"{key}.{name}"
        try:
            known = named(name)
        except IdentifierInvalid as error:
            raise _problem(file, place, f"a name like {named.example!r}", name) from error
        found[known] = _address(file, place, table)
    return found


def _address(file: Path, place: str, table: AddressTable) -> Address:
    try:
        parts = urlsplit(table.url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _problem(file, f"{place}.url", "an address", table.url) from error
    extra = parts.path.rstrip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in ("http", "https") or not host or port is None or extra:
        raise _problem(file, f"{place}.url", "https://HOST:PORT", table.url)
    if (parts.scheme == "https") != (table.ca is not None):
        raise _problem(file, f"{place}.ca", "a CA's certificate with https, and only then", "")
    if parts.scheme == "http" and not _local(host):
        raise _problem(file, f"{place}.url", "https for another machine", table.url)
    authority = None if table.ca is None else file.parent / table.ca
    if authority is not None and not authority.is_file():
        raise _problem(file, f"{place}.ca", "a file that is there", str(table.ca))
    return Address(host=host, port=port, authority=authority, key=table.key)


def _local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _problem(file: Path, key: str, expected: str, got: str) -> ConfigInvalid:
    shown = f"the text {got[:60]!a}" if got else "nothing"
    return refused(file, [Problem(key=key, expected=expected, got=shown)])
