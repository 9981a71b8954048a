"""A site's certificate: from a small CA of its own, or from files of the organisation.

The CA's key and the site's key are in the folder, 0600. The CA's certificate is what a data
scientist is handed, over a way they trust; with it, their client accepts this site and no other.
Promises no revocation: a site that lost its key makes a new CA and hands that out.
"""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from securefed.adapters.syft_site.identity import write_private
from securefed.errors import CertificateUnusable, StorageFailed

_LIFE = timedelta(days=825)
# A client whose clock is a little behind still accepts a new certificate.
_EARLIER = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Tls:
    """The files that a server shows: a certificate chain and its key, both PEM."""

    certificate: Path
    key: Path

    def checked(self, now: datetime) -> "Tls":
        """The same files, if a server can use them today."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                self.certificate, self.key, password=_no_password
            )
            found = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        except (OSError, ValueError) as error:
            raise CertificateUnusable(
                "The certificate and its key cannot be loaded", where=str(self.certificate)
            ) from error
        if not found.not_valid_before_utc <= now < found.not_valid_after_utc:
            ended = found.not_valid_after_utc.date().isoformat()
            raise CertificateUnusable(
                f"The certificate is not valid today: it ends {ended}", where=str(self.certificate)
            )
        return self


def make_certificate(folder: Path, name: str, hosts: tuple[str, ...], now: datetime) -> Path:
    """A new CA and certificate for these host names and addresses; the path of the CA's."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(folder)) from error
    authority_key, site_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _name(f"{name} CA")
    authority = (
        _draft(issuer, issuer, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    shown = (
        _draft(_name(name), issuer, site_key, now, signed_by=authority_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(each) for each in hosts]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    write_private(folder / "ca.key", _pem(authority_key))
    write_private(folder / "site.key", _pem(site_key))
    write_private(folder / "site.pem", shown.public_bytes(Encoding.PEM))
    write_private(folder / "ca.pem", authority.public_bytes(Encoding.PEM))
    return folder / "ca.pem"


def own_tls(folder: Path) -> Tls:
    """The files that `make_certificate` wrote."""
    return Tls(certificate=folder / "site.pem", key=folder / "site.key")


def _no_password() -> str:
    # Without this, OpenSSL would ask on the terminal and wait.
    raise ValueError("The key is encrypted")


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _draft(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    signed_by: ec.EllipticCurvePrivateKey | None = None,
) -> x509.CertificateBuilder:
    signer = (signed_by or key).public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - _EARLIER)
        .not_valid_after(now.astimezone(UTC) + _LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
