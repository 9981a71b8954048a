"""The composition root of a served site: its certificate, whether it is served, what it lacks.

Looks at a site's machine as `site.toml` describes it. Loads neither PySyft nor torch: another
process imports what a run needs, and says whether it could.
"""

import shutil
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from securefed.adapters.sandbox import bubblewrap, inspect_interpreter
from securefed.adapters.site_folder import ServingNote as ServingNote
from securefed.adapters.site_folder import SiteFolder, find_serving
from securefed.adapters.syft_site.certificate_facts import CertificateFacts, certificate_facts
from securefed.adapters.syft_site.certificates import Tls, make_certificate, own_tls
from securefed.adapters.syft_site.site_lock import bound_port, check_folder, is_held
from securefed.adapters.this_machine import SystemClock
from securefed.config import RunnerSettings, ServeSettings, SiteSettings
from securefed.config.site_settings import GIB
from securefed.domain.check import Check, advised, well, wrong
from securefed.domain.site import Sandbox
from securefed.errors import CertificateUnusable, NotFound, SecurefedError, WallsUnavailable

if TYPE_CHECKING:
    from securefed.wiring.opened_site import OpenSite

# What a run loads, by package and module.
RUNNER_LIBRARIES = {
    "torch": "torch",
    "opacus": "opacus",
    "numpy": "numpy",
    "scipy": "scipy",
    "pydantic": "pydantic",
    "safetensors": "safetensors",
    "pyarrow": "pyarrow",
    "pillow": "PIL",
    "cryptography": "cryptography",
}
_SOON_DAYS = 30


def tls_of(folder: SiteFolder, settings: SiteSettings, now: datetime) -> Tls | None:
    """What the site shows its callers; the site's own CA is made when it is first asked for."""
    if settings.serve.own_ca and not (folder.tls / "site.pem").exists():
        make_certificate(folder.tls, settings.site, settings.serve.own_ca, now)
    shown = _tls(folder, settings.serve)
    if shown is None:
        return None
    _expect_hosts(shown, settings.serve)
    return shown.checked(now)


def is_served(folder: SiteFolder) -> bool:
    """Whether a process serves the site now."""
    return folder.datasite.is_dir() and is_held(folder.datasite)


def serving_note(folder: SiteFolder) -> ServingNote | None:
    """Where the site listens, if it is served and says so."""
    return find_serving(folder.serving) if is_served(folder) else None


def serving_checks(opened: "OpenSite") -> list[Check]:
    """What could keep this site from being served, and a run from starting."""
    settings, folder = opened.settings, opened.folder
    return [
        _tried("folder is this account's alone", lambda: check_folder(folder.root)),
        _tried("clock is not behind the ledger", opened.party.ledger.now),
        _port(folder, settings.serve),
        _certificate(folder, settings.serve),
        _runner(settings.runner),
        _walls(settings.runner.walls),
        _assets(settings.runner.assets),
        _room(settings, folder.root),
    ]


def _tls(folder: SiteFolder, serve: ServeSettings) -> Tls | None:
    if serve.own_ca:
        return own_tls(folder.tls)
    if serve.certificate is None or serve.certificate_key is None:
        return None
    return Tls(certificate=serve.certificate, key=serve.certificate_key)


def _expect_hosts(shown: Tls, serve: ServeSettings) -> CertificateFacts:
    """Refuses the own CA's certificate if site.toml names other hosts by now."""
    facts = certificate_facts(shown.certificate)
    if missing := [host for host in serve.own_ca if not facts.covers(host)]:
        raise CertificateUnusable(
            f"The certificate is not for {', '.join(missing)}",
            where=str(shown.certificate),
            hint="Remove the folder tls; the site makes a new CA, which its callers must get.",
        )
    return facts


def _tried(what: str, look: Callable[[], object]) -> Check:
    try:
        look()
    except SecurefedError as error:
        return wrong(what, error)
    return well(what)


def _port(folder: SiteFolder, serve: ServeSettings) -> Check:
    if is_served(folder):
        note = find_serving(folder.serving)
        return well("port: this site is served" + (f" at {note.address}" if note else ""))
    if serve.port == 0:
        return well("port: a free one is taken")

    def bind() -> None:
        with bound_port(serve.host, serve.port):
            pass

    return _tried(f"port {serve.port} of {serve.host} is free", bind)


def _certificate(folder: SiteFolder, serve: ServeSettings) -> Check:
    if serve.own_ca and not (folder.tls / "site.pem").exists():
        return well(f"certificate: made at the first start, for {', '.join(serve.own_ca)}")
    shown = _tls(folder, serve)
    if shown is None:
        return well("certificate: none, since only this machine reaches the site")
    now = SystemClock().now()
    try:
        facts = _expect_hosts(shown.checked(now), serve)
    except SecurefedError as error:
        return wrong("certificate", error)
    days = (facts.ends - now).days
    what = f"certificate: for {', '.join(facts.hosts) or 'no host'}, {days} days left"
    if days < _SOON_DAYS or not facts.hosts:
        return advised(what, "It ends soon, or names no host", "Get a new certificate.")
    return well(what)


def _runner(runner: RunnerSettings) -> Check:
    program = str(runner.python or sys.executable)
    try:
        found = inspect_interpreter(program, RUNNER_LIBRARIES)
    except SecurefedError as error:
        return wrong("runner", error)
    return well(f"runner: Python {found.version}, {', '.join(found.libraries[:2])}")


def _walls(wanted: Sandbox | None) -> Check:
    if wanted is Sandbox.PROCESS:
        return well("walls: a plain process, as site.toml says; plans show it")
    if bubblewrap.found() is not None:
        return well("walls: bubblewrap starts")
    missing = WallsUnavailable("bubblewrap is not installed, or cannot make namespaces here")
    if wanted is Sandbox.BUBBLEWRAP:
        return wrong("walls", missing)
    return advised("walls", f"{missing.what}; a run is a plain process", missing.remedy)


def _assets(folder: Path | None) -> Check:
    if folder is None:
        return well("assets: no folder of public models is named")
    if folder.is_dir():
        return well(f"assets: {folder}")
    return wrong("assets", NotFound("There is no such folder", where=str(folder)))


def _room(settings: SiteSettings, root: Path) -> Check:
    """The space that all blobs and one run may take; what is there already counts as well."""
    wanted = (settings.blobs.quota_gib + settings.runner.scratch_gib) * GIB
    free = shutil.disk_usage(root).free
    what = f"room: {free / GIB:.0f} GiB free for blobs and a run's scratch folder"
    if free >= wanted:
        return well(what)
    problem = f"site.toml allows them {wanted // GIB} GiB"
    return advised(what, problem, "Free space, or lower quota_gib and scratch_gib.")
