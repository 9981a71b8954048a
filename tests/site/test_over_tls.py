"""A round over TLS on a high port, trained by another interpreter; and whom no caller trusts."""

import re
import ssl
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from securefed.adapters.blob_http import BlobClient
from securefed.adapters.syft_site.certificates import make_certificate
from securefed.adapters.syft_site.client import SiteClient
from securefed.domain.blob import read_ticket
from securefed.domain.errand import Fetch, Phase, Ticketed
from securefed.domain.run_order import UPDATE
from securefed.domain.site import Sandbox
from securefed.errors import SiteUnreachable
from securefed.wiring.basics import clock
from tests.site.served_site import FIRST, HOSPITAL, QUIET, ServedSite
from tests.site.studies import tabular

pytestmark = [pytest.mark.slow, QUIET]


class TlsSite(ServedSite):
    """A site with a small CA of its own."""

    @property
    def authority(self) -> Path:
        """The certificate that the owner hands over."""
        return self.folder.tls / "ca.pem"

    def new_client(self) -> SiteClient:
        """A way over TLS."""
        note = self.note
        return SiteClient.connect(HOSPITAL, note.host, note.port, self.dana, self.authority)

    @property
    def blobs(self) -> BlobClient:
        """The files over TLS."""
        context = ssl.create_default_context(cafile=self.authority)
        return BlobClient(f"{self.note.address}/blobs", tls=context, wait=lambda _: None)


@pytest.fixture(scope="module")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that is not the site's, with the same libraries."""
    folder = tmp_path_factory.mktemp("other") / "environment"
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, other_python: Path) -> Iterator[TlsSite]:
    # A plain process: the libraries of the environment lie where bubblewrap would not show them.
    runner = f'python = "{other_python}"\nwalls = "process"'
    made = TlsSite.made(tmp_path_factory.mktemp("tls"), runner)
    assert isinstance(made, TlsSite)
    settings = made.folder.settings
    settings.write_text(
        re.sub(r"# own_ca = \[[^]]*\]", 'own_ca = ["127.0.0.1"]', settings.read_text())
    )
    with made.served():
        yield made


def test_a_round_over_tls_by_another_interpreter(site: TlsSite, other_python: Path) -> None:
    assert site.note.address.startswith("https://127.0.0.1:")
    assert site.note.port > 1024
    request = site.approved(tabular("over-tls"))
    standing = site.trained(request)
    assert standing.phase is Phase.DONE, site.said
    plan = site.opened.party.plan(request)
    assert plan.machine.sandbox is Sandbox.PROCESS
    assert plan.machine.interpreter == ".".join(map(str, sys.version_info[:3]))
    answer = site.ask(request, Fetch(of=FIRST, file=UPDATE))
    assert isinstance(answer, Ticketed)
    target = other_python.parent / "update"
    site.blobs.fetch(read_ticket(str(answer.ticket)), target)
    assert len(target.read_bytes()) == 8
    assert site.opened.party.probe.machine() == plan.machine


def test_nobody_else_is_taken_for_the_site(site: TlsSite, tmp_path: Path) -> None:
    other = make_certificate(tmp_path / "other", "hospital-a", ("127.0.0.1",), clock().now())
    note = site.note
    with pytest.raises(SiteUnreachable):
        SiteClient.connect(HOSPITAL, note.host, note.port, site.dana, other)
    with pytest.raises(SiteUnreachable):
        SiteClient.connect(HOSPITAL, note.host, note.port, site.dana)
