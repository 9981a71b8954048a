"""A site starts, ends when asked to, keeps everything, and refuses a folder or port in use."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from securefed.adapters.syft_site.certificates import Tls, make_certificate, own_tls
from securefed.adapters.syft_site.client import SiteClient
from securefed.adapters.syft_site.identity import kept_identity
from securefed.adapters.syft_site.pysyft import check_environment
from securefed.adapters.syft_site.serving import running
from securefed.adapters.syft_site.site_lock import bound_port, held_folder
from securefed.domain.errand import Attempt, Report, Ticketed
from securefed.domain.identifiers import SiteId
from securefed.domain.request import RequestState
from securefed.errors import (
    CertificateUnusable,
    KeyUnsafe,
    PortTaken,
    ServingUnsafe,
    SiteFolderOpen,
    SiteInUse,
    SiteStopping,
    SiteUnreachable,
)
from tests.adapters.syft_site.places import MOCK, QUIET, Place, hospital, server
from tests.world import SCIENTIST

pytestmark = [pytest.mark.slow, QUIET]
ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "tests.adapters.syft_site.served", str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as found:
        try:
            assert found.stdout is not None
            line = found.stdout.readline()
            assert line, found.stderr and found.stderr.read()
            yield found, int(line)
        finally:
            found.kill()


def listening(pid: int) -> list[str]:
    """Local addresses on which a process listens, or is bound for datagrams."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        found = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
        inodes |= {found[1]} if found else set()
    rows = []
    for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = row.split()
            if columns[9] in inodes and columns[3] == state:
                rows.append(columns[1])
    return rows


def test_everything_is_kept_over_a_restart_and_only_this_machine_is_listened_to(
    tmp_path: Path,
) -> None:
    errand = Report(of=Attempt(round=1, attempt=1))
    with hospital(tmp_path, SiteId("hospital-b")) as found:
        request = found.approved(found.client())
        assert found.client().ask(request, errand) == Ticketed(ticket=None)
        signer = found.world.signer(SCIENTIST)
    folder = tmp_path / "site"
    before = (folder / "datasite.json").read_bytes()
    with process(folder) as (served, port):
        assert listening(served.pid) == [f"0100007F:{port:04X}"]
        with pytest.raises(SiteInUse), running(server(folder, [])):
            pass
        with SiteClient.connect(SiteId("hospital-b"), "127.0.0.1", port, signer) as dana:
            (offered,) = dana.datasets()
            assert offered.mock == MOCK
            assert dana.state(request).state is RequestState.APPROVED
            # Nobody answers in that process: the function ran, and says so.
            with pytest.raises(SiteStopping):
                dana.ask(request, errand)
        served.send_signal(signal.SIGTERM)
        out, _ = served.communicate(timeout=60)
        assert (out.splitlines()[-1], served.returncode) == ("ended after 0", 0)
    assert (folder / "datasite.json").read_bytes() == before
    with held_folder(folder), bound_port("127.0.0.1", port):
        pass


def test_over_tls_on_a_high_port_and_only_with_the_ca(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = make_certificate(tmp_path / "tls", "hospital-a", ("127.0.0.1",), now)
    other = make_certificate(tmp_path / "other", "hospital-b", ("127.0.0.1",), now)
    with hospital(tmp_path, SiteId("hospital-b"), own_tls(tmp_path / "tls")) as found:
        assert found.site.port > 1024
        dana = found.client(authority=authority)
        request = found.approved(dana)
        errand = Report(of=Attempt(round=1, attempt=1))
        assert dana.ask(request, errand) == Ticketed(ticket=None)
        for wrong in (other, None):
            with pytest.raises(SiteUnreachable):
                found.client(authority=wrong)
        signer, site = found.world.signer(SCIENTIST), SiteId("hospital-b")
        with pytest.raises(SiteUnreachable, match="does not vouch"):
            SiteClient.connect(site, "localhost", found.site.port, signer, authority)
    for name in ("ca.key", "site.key"):
        assert (tmp_path / "tls" / name).stat().st_mode & 0o077 == 0


def test_a_certificate_that_cannot_serve_is_named(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    make_certificate(tmp_path / "a", "a", ("127.0.0.1",), now)
    make_certificate(tmp_path / "old", "a", ("127.0.0.1",), now - timedelta(days=900))
    mixed = Tls(certificate=tmp_path / "a/site.pem", key=tmp_path / "a/ca.key")
    absent = Tls(certificate=tmp_path / "none.pem", key=tmp_path / "a/site.key")
    for each in (mixed, absent, own_tls(tmp_path / "old")):
        with pytest.raises(CertificateUnusable):
            each.checked(now)
    assert own_tls(tmp_path / "a").checked(now) == own_tls(tmp_path / "a")


def test_a_port_in_use_is_named_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)), bound_port("127.0.0.1", port):
            pass
    for host, port in (("192.0.2.1", 0), ("127.0.0.1", 70000)):
        with pytest.raises(PortTaken), bound_port(host, port):
            pass


def test_a_folder_is_held_once_and_by_its_owner_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with held_folder(tmp_path), pytest.raises(SiteInUse), held_folder(tmp_path):
        pass
    tmp_path.chmod(0o750)
    with pytest.raises(SiteFolderOpen, match="0750"), held_folder(tmp_path):
        pass


def test_the_identity_is_private_random_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "datasite.json"
    made = kept_identity(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_identity(path) == made
    assert made != kept_identity(tmp_path / "another.json")
    assert made.seed not in repr(made)
    path.chmod(0o640)
    with pytest.raises(KeyUnsafe, match="0640"):
        kept_identity(path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"uid": 1, "seed": 2}', '{"uid": "a"}'])
def test_a_file_that_is_no_identity_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "datasite.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyUnsafe):
        kept_identity(path)
    assert path.read_text() == text


def test_a_linked_identity_is_refused(tmp_path: Path) -> None:
    kept_identity(tmp_path / "there.json")
    (tmp_path / "datasite.json").symlink_to(tmp_path / "there.json")
    with pytest.raises(KeyUnsafe):
        kept_identity(tmp_path / "datasite.json")


@pytest.mark.parametrize("name", ["SERVER_PRIVATE_KEY", "SERVER_UID", "DEV_MODE", "TRACING"])
def test_the_environment_does_not_decide_whose_site_it_is(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(ServingUnsafe, match=name):
        check_environment()


def test_the_key_of_a_site_is_the_kept_one(site_a: Place) -> None:
    datasite = site_a.site.datasite
    folder = Path(datasite.db_config.path).parent
    identity = json.loads((folder / "datasite.json").read_bytes())
    assert bytes(datasite.signing_key.signing_key).hex() == identity["seed"]
    assert datasite.id.no_dash == identity["uid"]
