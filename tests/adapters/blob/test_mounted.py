"""The channel as a site serves it: mounted in FastAPI, and over TLS with the site's certificate."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI

from securefed.adapters.blob_files import FolderBlobs
from securefed.domain.blob import Direction
from securefed.errors import BlobUnreachable, ConfigInvalid
from tests.adapters.blob.place import QUOTA, Place, blob_of, client, served

pytestmark = pytest.mark.slow

DATA = bytes(range(256)) * 20_000


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(FolderBlobs(tmp_path / "blobs", QUOTA))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def mounted(place: Place) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.mount("/blobs", place.channel())
    return app


def certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1 that vouches for itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hospital-a")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "site.pem"
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secured(mounted: FastAPI, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address and the certificate of a site with TLS."""
    path = certificate(tmp_path)
    with served(mounted, path) as url:
        yield url.replace("http://", "https://") + "/blobs", path


def test_it_works_where_it_is_mounted(
    mounted: FastAPI, place: Place, source: Path, tmp_path: Path
) -> None:
    with served(mounted) as url:
        client(f"{url}/blobs/").send(place.ticket(DATA), source)
        client(f"{url}/blobs").fetch(place.ticket(DATA, Direction.DOWNLOAD), tmp_path / "back")
        with pytest.raises(BlobUnreachable, match="status 404"):
            client(url).send(place.ticket(DATA), source)
    assert (tmp_path / "back").read_bytes() == DATA


def test_it_works_over_tls(
    secured: tuple[str, Path], place: Place, source: Path, tmp_path: Path
) -> None:
    url, path = secured
    tls = ssl.create_default_context(cafile=path)
    client(url, tls=tls).send(place.ticket(DATA), source)
    client(url, tls=tls).fetch(place.ticket(DATA, Direction.DOWNLOAD), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == DATA


def test_a_site_that_nobody_vouches_for_gets_no_ticket(
    secured: tuple[str, Path], place: Place, source: Path
) -> None:
    url, _ = secured
    with pytest.raises(BlobUnreachable, match="SSLCertVerificationError"):
        client(url, tls=ssl.create_default_context()).send(place.ticket(DATA), source)
    with pytest.raises(ConfigInvalid):
        client(url.replace("https", "http"), tls=ssl.create_default_context())
    assert place.store.held(blob_of(DATA)).length == 0
