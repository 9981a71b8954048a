"""What a site's machine lacks is found before it is served; its certificate is made once."""

import shutil
import socket
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from securefed.adapters.sandbox import bubblewrap
from securefed.adapters.syft_site.certificate_facts import certificate_facts
from securefed.adapters.syft_site.certificates import make_certificate
from securefed.adapters.syft_site.site_lock import held_folder, is_held
from securefed.config import RunnerSettings, ServeSettings
from securefed.domain.check import Check
from securefed.domain.identifiers import AccountId, Line, SiteId
from securefed.domain.site import Sandbox
from securefed.errors import CertificateUnusable, ExitCode, RunnerUnfit
from securefed.wiring import opened_site
from securefed.wiring import site as wiring_site
from securefed.wiring.opened_site import OpenSite

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)
HOST = Line("a.example.org")


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenSite:
    # What a run imports takes seconds to load; the test of interpreters does load it.
    monkeypatch.setattr(wiring_site, "RUNNER_LIBRARIES", {"pydantic": "pydantic"})
    serve = ServeSettings(port=0)
    owner = AccountId("olivia")
    return opened_site.init_site(tmp_path / "site", SiteId("hospital-a"), Line("A"), owner, serve)


def with_(opened: OpenSite, *, serve: ServeSettings | None = None, **runner: object) -> OpenSite:
    settings = replace(
        opened.settings,
        serve=serve or opened.settings.serve,
        runner=replace(opened.settings.runner, **runner),
    )
    return replace(opened, settings=settings)


def row(opened: OpenSite, what: str) -> Check:
    [found] = [one for one in wiring_site.serving_checks(opened) if one.what.startswith(what)]
    return found


def test_a_new_site_could_be_served(opened: OpenSite) -> None:
    found = wiring_site.serving_checks(opened)
    assert [one.what for one in found if one.exit_code is not ExitCode.OK] == []
    assert row(opened, "runner").what.startswith(f"runner: Python {sys.version_info.major}.")


def test_a_folder_that_others_enter(opened: OpenSite) -> None:
    opened.folder.root.chmod(0o750)
    found = row(opened, "folder")
    assert "0750" in found.problem
    assert "chmod 700" in found.remedy
    assert found.exit_code is ExitCode.INTEGRITY


def test_a_port_that_is_taken_unless_by_this_site(opened: OpenSite) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = with_(opened, serve=ServeSettings(port=taken.getsockname()[1]))
        assert "Something else listens there" in row(busy, "port").problem
        with held_folder(opened.folder.datasite):
            assert row(busy, "port").what == "port: this site is served"
    assert not is_held(opened.folder.datasite)


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/false"])
def test_a_runner_that_does_not_start(opened: OpenSite, program: str) -> None:
    found = row(with_(opened, python=Path(program)), "runner")
    assert "does not start" in found.problem
    assert found.exit_code is ExitCode.USAGE


def test_a_runner_that_lacks_a_library(opened: OpenSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring_site, "RUNNER_LIBRARIES", {"torch": "no_such_torch"})
    assert "cannot import torch" in row(opened, "runner").problem


def test_walls_that_are_wanted_and_not_there(
    opened: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bubblewrap, "found", lambda: None)
    best = row(opened, "walls")
    assert "apt install bubblewrap" in best.remedy
    assert best.exit_code is ExitCode.OK
    wanted = row(with_(opened, walls=Sandbox.BUBBLEWRAP), "walls")
    assert wanted.exit_code is not ExitCode.OK
    assert row(with_(opened, walls=Sandbox.PROCESS), "walls").problem == ""


def test_a_folder_of_models_that_is_not_there(opened: OpenSite, tmp_path: Path) -> None:
    assert row(with_(opened, assets=tmp_path), "assets").problem == ""
    assert "no such folder" in row(with_(opened, assets=tmp_path / "x"), "assets").problem


def test_too_little_room(opened: OpenSite) -> None:
    assert "site.toml allows them" in row(with_(opened, scratch_gib=1_000_000), "room").problem
    small = replace(opened.settings.blobs, quota_gib=1, most_gib=1)
    roomy = with_(opened, scratch_gib=1)
    if shutil.disk_usage(opened.folder.root).free > 2 * 2**30:
        settings = replace(roomy.settings, blobs=small)
        assert row(replace(roomy, settings=settings), "room").problem == ""


# --- certificates --------------------------------------------------------------------------------


def test_a_site_on_this_machine_shows_no_certificate(opened: OpenSite) -> None:
    assert wiring_site.tls_of(opened.folder, opened.settings, NOW) is None
    assert row(opened, "certificate").problem == ""


def test_the_sites_own_certificate_is_made_once(opened: OpenSite) -> None:
    mine = with_(opened, serve=ServeSettings(own_ca=(HOST, Line("127.0.0.1"))))
    assert "at the first start" in row(mine, "certificate").what
    shown = wiring_site.tls_of(opened.folder, mine.settings, NOW)
    assert shown is not None
    before = shown.certificate.read_bytes()
    assert wiring_site.tls_of(opened.folder, mine.settings, NOW) == shown
    assert shown.certificate.read_bytes() == before
    assert certificate_facts(shown.certificate).hosts == (HOST, "127.0.0.1")
    assert row(mine, "certificate").what == f"certificate: for {HOST}, 127.0.0.1, 824 days left"


def test_hosts_that_were_added_later(opened: OpenSite) -> None:
    make_certificate(opened.folder.tls, "hospital-a", ("b.example.org",), NOW)
    mine = with_(opened, serve=ServeSettings(own_ca=(HOST,)))
    with pytest.raises(CertificateUnusable, match=f"not for {HOST}"):
        wiring_site.tls_of(opened.folder, mine.settings, NOW)
    assert f"not for {HOST}" in row(mine, "certificate").problem


def test_the_organisations_files(opened: OpenSite, tmp_path: Path) -> None:
    make_certificate(tmp_path / "theirs", "theirs", (HOST,), NOW - timedelta(days=810))
    certificate, key = tmp_path / "theirs" / "site.pem", tmp_path / "theirs" / "site.key"
    theirs = with_(opened, serve=ServeSettings(certificate=certificate, certificate_key=key))
    shown = wiring_site.tls_of(opened.folder, theirs.settings, NOW)
    assert shown is not None
    assert (shown.certificate, shown.key) == (certificate, key)
    assert "14 days left" in row(theirs, "certificate").what
    assert "ends soon" in row(theirs, "certificate").problem
    with pytest.raises(CertificateUnusable, match="not valid today"):
        wiring_site.tls_of(opened.folder, theirs.settings, NOW + timedelta(days=20))
    key.write_text("another")
    assert "cannot be loaded" in row(theirs, "certificate").problem


# --- what the plan names -------------------------------------------------------------------------


def test_the_plan_names_the_interpreter_and_walls_of_the_settings(opened: OpenSite) -> None:
    path = opened.folder.settings
    written = path.read_text(encoding="utf-8")
    runner = f'[runner]\npython = "{sys.executable}"\nwalls = "process"\n'
    path.write_text(written.replace("[runner]\n", runner), encoding="utf-8")
    machine = opened_site.open_site(opened.folder.root).party.probe.machine()
    assert machine.sandbox is Sandbox.PROCESS
    assert machine == replace(opened.party.probe.machine(), sandbox=Sandbox.PROCESS)
    path.write_text(written.replace("[runner]\n", '[runner]\npython = "/bin/false"\n'))
    with pytest.raises(RunnerUnfit):
        opened_site.open_site(opened.folder.root).party.probe.machine()


def test_the_settings_of_a_new_site_are_the_usual_ones(opened: OpenSite) -> None:
    assert opened.settings.runner == RunnerSettings()
