"""What a certificate is for, as far as its own words say."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from securefed.adapters.syft_site.certificate_facts import CertificateFacts, certificate_facts
from securefed.adapters.syft_site.certificates import make_certificate
from securefed.errors import CertificateUnusable

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_a_certificates_hosts_and_end(tmp_path: Path) -> None:
    authority = make_certificate(tmp_path, "hospital-a", ("a.example.org", "::1"), NOW)
    found = certificate_facts(tmp_path / "site.pem")
    assert found.hosts == ("a.example.org", "::1")
    assert timedelta(days=824) < found.ends - NOW <= timedelta(days=825)
    assert certificate_facts(authority).hosts == ()


@pytest.mark.parametrize(
    ("named", "host", "covered"),
    [
        ("a.example.org", "A.Example.org", True),
        ("*.example.org", "a.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "a.b.example.org", False),
        ("a.example.org", "b.example.org", False),
        ("10.0.0.7", "10.0.0.7", True),
    ],
)
def test_which_hosts_are_covered(named: str, host: str, covered: bool) -> None:
    assert CertificateFacts(ends=NOW, hosts=(named,)).covers(host) is covered


@pytest.mark.parametrize("text", [None, "", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "site.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CertificateUnusable, match="cannot be read"):
        certificate_facts(path)
