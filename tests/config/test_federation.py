"""Where a federation's members are: what is read, and what is refused before anybody is called."""

from pathlib import Path

import pytest

from securefed.config.federation import load_federation
from securefed.domain.identifiers import Name, SiteId
from securefed.errors import ConfigInvalid, NotFound

KEY = "ed25519:" + "1" * 64


def written(folder: Path, text: str) -> Path:
    path = folder / "federation.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_addresses_keys_and_authorities(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("certificate")
    text = f"""
[sites.hospital-a]
url = "https://a.example:8400"
key = "{KEY}"
ca = "a.pem"
[sites.hospital-b]
url = "http://[::1]:8401/"
key = "{KEY}"
[custodians.registry]
url = "http://127.0.0.1:8700"
key = "{KEY}"
"""
    found = load_federation(written(tmp_path, text))
    assert found.site(SiteId("hospital-a")).url == "https://a.example:8400"
    assert found.site(SiteId("hospital-a")).authority == tmp_path / "a.pem"
    assert found.site(SiteId("hospital-b")).url == "http://[::1]:8401"
    assert found.custodians[Name("registry")].port == 8700
    with pytest.raises(NotFound, match="hospital-c"):
        found.site(SiteId("hospital-c"))


@pytest.mark.parametrize(
    ("url", "ca", "says"),
    [
        ("http://a.example:8400", "", "https for another machine"),
        ("https://a.example:8400", "", "a CA's certificate"),
        ("http://127.0.0.1:8400", 'ca = "a.pem"', "a CA's certificate"),
        ("https://a.example:8400", 'ca = "missing.pem"', "a file that is there"),
        ("https://a.example", 'ca = "a.pem"', "https://HOST:PORT"),
        ("ftp://127.0.0.1:1", "", "https://HOST:PORT"),
        ("http://127.0.0.1:99999", "", "an address"),
        ("http://127.0.0.1:1/api", "", "https://HOST:PORT"),
        ("http://dana@127.0.0.1:1", "", "https://HOST:PORT"),
        ("http://127.0.0.1.evil.example:1", "", "https for another machine"),
    ],
)
def test_what_would_not_be_safe_is_refused(tmp_path: Path, url: str, ca: str, says: str) -> None:
    (tmp_path / "a.pem").write_text("certificate")
    text = f'[sites.hospital-a]\nurl = "{url}"\nkey = "{KEY}"\n{ca}\n'
    with pytest.raises(ConfigInvalid, match=says):
        load_federation(written(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[sites]\n",
        f'[sites."Hospital A"]\nurl = "http://127.0.0.1:1"\nkey = "{KEY}"\n',
        '[sites.hospital-a]\nurl = "http://127.0.0.1:1"\nkey = "ed25519:1"\n',
        '[sites.hospital-a]\nurl = "http://127.0.0.1:1"\n',
        f'[sites.hospital-a]\nurl = "http://127.0.0.1:1"\nkey = "{KEY}"\npassword = "x"\n',
    ],
)
def test_what_is_no_federation_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigInvalid):
        load_federation(written(tmp_path, text))
