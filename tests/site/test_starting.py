"""A site that must not be served is not: the program says why and changes nothing."""

import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from securefed.adapters.ed25519_keys import load_key, verify
from securefed.adapters.site_folder import ServingNote
from securefed.adapters.sqlite_store import open_ledger
from securefed.domain.ledger import Head
from securefed.errors import (
    ClockBehind,
    LedgerBroken,
    PortTaken,
    SecurefedError,
    SiteFolderOpen,
    SiteInUse,
)
from securefed.steps.keep_ledger import SiteLedger
from securefed.steps.prepare_site import pause_site
from securefed.wiring import basics
from securefed.wiring import serve as wiring_serve
from tests.site.processes import PATIENCE
from tests.site.served_site import HOSPITAL, QUIET, ServedSite

pytestmark = [pytest.mark.slow, QUIET]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ServedSite]:
    """A site that nobody serves, and that stays as it is."""
    made = ServedSite.made(tmp_path / "place")
    yield made
    assert not made.folder.serving.exists()


def head(site: ServedSite) -> Head:
    return open_ledger(site.folder.ledger).head()


def refused(site: ServedSite) -> SecurefedError:
    """Why the site is not served. Its ledger and PySyft's state are as before."""

    def never(note: ServingNote | str) -> None:
        raise AssertionError(note)

    before = head(site)
    with pytest.raises(SecurefedError) as caught:
        wiring_serve.serve_site(site.folder.root, never, never)
    assert head(site) == before
    assert not (site.folder.datasite / "site.db").exists()
    return caught.value


def test_a_port_that_is_taken(site: ServedSite) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        text = site.folder.settings.read_text()
        site.folder.settings.write_text(text.replace("port = 0 ", f"port = {port} "))
        assert isinstance(refused(site), PortTaken)


@pytest.mark.parametrize("open_folder", ["root", "datasite"])
def test_a_folder_that_others_enter(site: ServedSite, open_folder: str) -> None:
    folder: Path = getattr(site.folder, open_folder)
    folder.chmod(0o755)
    assert isinstance(refused(site), SiteFolderOpen)


class Ahead:
    """A clock that was wrong when something was entered."""

    def now(self) -> datetime:
        return basics.clock().now() + timedelta(days=2)


def test_a_clock_that_is_behind_the_ledger(site: ServedSite) -> None:
    folder = site.folder
    store, key = open_ledger(folder.ledger), load_key(folder.site_key)
    pause_site(SiteLedger(HOSPITAL, store, key, verify, Ahead()), site.olivia)
    assert isinstance(refused(site), ClockBehind)


def test_a_ledger_that_was_edited(site: ServedSite) -> None:
    content = site.folder.ledger.read_bytes()
    assert content.count(b"Made up for a test") == 1
    site.folder.ledger.write_bytes(content.replace(b"Made up for a test", b"Real and for a test"))
    assert isinstance(refused(site), LedgerBroken)


def test_a_site_that_is_served_already(hospital: ServedSite) -> None:
    before = hospital.note
    second = hospital.program()
    _, said = second.communicate(timeout=PATIENCE)
    assert second.returncode == int(SiteInUse.exit_code)
    assert b"site-in-use" in said
    assert hospital.note == before
    assert hospital.client.datasets()
