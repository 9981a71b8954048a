"""A site's settings: what a short file means, what a long one says, and what a template holds."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from securefed.config import (
    BlobSettings,
    RunnerSettings,
    ServeSettings,
    SiteSettings,
    limits_of,
    load_site,
    site_template,
)
from securefed.domain.identifiers import Line, SiteId
from securefed.domain.site import Sandbox
from securefed.domain.walls import Limits

HEAD = '[site]\nname = "hospital-a"\ntitle = "Hospital A"\n'


def settings_of(folder: Path, text: str) -> SiteSettings:
    path = folder / "site.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load_site(path)


def test_a_file_that_only_names_the_site_listens_on_this_machine_only(tmp_path: Path) -> None:
    found = settings_of(tmp_path, "")
    assert found == SiteSettings(site=SiteId("hospital-a"), title=Line("Hospital A"))
    assert found.serve.this_machine_only
    assert not found.serve.encrypted
    assert limits_of(found.runner) == Limits(file_bytes=32 * 2**30)


def test_paths_are_relative_to_the_file_and_links_stay(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to("/nowhere")
    text = """
[serve]
host = "0.0.0.0"
port = 0
certificate = "tls/site.pem"
certificate_key = "/etc/site.key"
[runner]
python = "python"
assets = "../models"
walls = "process"
gpu = true
"""
    found = settings_of(tmp_path, text)
    assert found.serve.certificate == tmp_path / "tls" / "site.pem"
    assert found.serve.certificate_key == Path("/etc/site.key")
    assert (found.serve.this_machine_only, found.serve.encrypted) == (False, True)
    assert found.runner.python == tmp_path / "python"
    assert found.runner.assets == tmp_path / "../models"
    assert (found.runner.walls, found.runner.gpu) == (Sandbox.PROCESS, True)


def test_every_limit_is_taken_from_its_key(tmp_path: Path) -> None:
    text = """
[runner]
walls = "best"
memory_gib = 2
scratch_gib = 3
cpu_hours = 4
tasks = 5
round_hours = 6
idle_minutes = 7
warm_minutes = 8
[blobs]
quota_gib = 10
most_gib = 9
"""
    found = settings_of(tmp_path, text)
    assert found.runner.walls is None
    assert found.runner.warm_minutes == 8
    assert found.blobs == BlobSettings(quota_gib=10, most_gib=9)
    assert limits_of(found.runner) == Limits(
        memory_bytes=2 * 2**30,
        scratch_bytes=3 * 2**30,
        file_bytes=3 * 2**30,
        cpu_s=4 * 3600,
        tasks=5,
        round_s=6 * 3600,
        idle_s=7 * 60,
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_an_address_of_this_machine_needs_no_certificate(tmp_path: Path, host: str) -> None:
    assert settings_of(tmp_path, f'[serve]\nhost = "{host}"').serve.this_machine_only


@given(
    site=some.from_regex(SiteId.pattern, fullmatch=True),
    title=some.sampled_from(['Say "A"', "back\\slash", "Zürich", "<script>alert(1)</script>", "#"]),
    serve=some.sampled_from(
        [
            ServeSettings(),
            ServeSettings(port=0),
            ServeSettings(host="192.0.2.1", port=443, own_ca=(Line("a.example.org"), Line("::1"))),
        ]
    ),
)
def test_a_new_sites_settings_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, site: str, title: str, serve: ServeSettings
) -> None:
    settings = SiteSettings(site=SiteId(site), title=Line(title), serve=serve)
    path = tmp_path_factory.getbasetemp() / "site.toml"
    path.write_text(site_template(settings.site, settings.title, serve), encoding="utf-8")
    assert load_site(path) == settings


def test_the_template_shows_every_key_with_its_usual_value(tmp_path: Path) -> None:
    shown = site_template(SiteId("hospital-a"), Line("Hospital A"))
    shown = re.sub(r"^# (\w+ = )", r"\1", shown, flags=re.MULTILINE)
    tables = tomllib.loads(shown)
    example = ("own_ca", "certificate", "certificate_key", "python", "assets")
    kept = [line for line in shown.splitlines() if not line.startswith(example)]
    path = tmp_path / "site.toml"
    path.write_text("\n".join(kept), encoding="utf-8")
    assert load_site(path) == SiteSettings(site=SiteId("hospital-a"), title=Line("Hospital A"))
    walls = {"walls": "best"}
    assert tables["runner"] | walls == vars(RunnerSettings()) | walls | {
        key: tables["runner"][key] for key in ("python", "assets")
    }
    assert set(tables["serve"]) == set(vars(ServeSettings()))
    assert tables["blobs"] == vars(BlobSettings())
