"""What a certificate says about itself: until when it holds, and for which hosts.

Reads the first certificate of a PEM file. Whether a caller trusts who signed it is the caller's
matter.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.extensions import ExtensionNotFound

from securefed.errors import CertificateUnusable


@dataclass(frozen=True, kw_only=True)
class CertificateFacts:
    """The end of a certificate's time, and the names and addresses that it is for."""

    ends: datetime
    hosts: tuple[str, ...]

    def covers(self, host: str) -> bool:
        """Whether a caller who knows the site by this name or address accepts it."""
        _, dot, domain = host.partition(".")
        wildcard = f"*.{domain}" if dot else host
        return any(one.lower() in (host.lower(), wildcard.lower()) for one in self.hosts)


def certificate_facts(path: Path) -> CertificateFacts:
    """The facts of a certificate in a PEM file."""
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except ExtensionNotFound:
        return CertificateFacts(ends=found.not_valid_after_utc, hosts=())
    except (OSError, ValueError) as error:
        raise CertificateUnusable("The certificate cannot be read", where=str(path)) from error
    names = named.get_values_for_type(x509.DNSName)
    addresses = [str(one) for one in named.get_values_for_type(x509.IPAddress)]
    return CertificateFacts(ends=found.not_valid_after_utc, hosts=(*names, *addresses))
