"""`securefed site serve` and `address`: the site answers data scientists, and says where."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.options import HERE, SiteDir, open_site
from securefed.cli.output import AsJson, answer, say, working
from securefed.domain.canonical import Plain
from securefed.errors import NotInThisState

if TYPE_CHECKING:
    from securefed.wiring.opened_site import OpenSite
    from securefed.wiring.site import ServingNote

_LOOK_S = 0.2


def serve(site: SiteDir = HERE, as_json: AsJson = False) -> None:
    """Serve the site: its datasite, its desk and its blob channel, until Ctrl-C or SIGTERM.

    It listens where site.toml says. Approve, revoke and register from another terminal meanwhile;
    the site follows within a second. Example: securefed site serve --site hospital-a
    """
    with working("Loading PySyft"):
        from securefed.wiring import serve as wiring_serve

    opened = open_site(site)

    def ready(note: "ServingNote") -> None:
        text = (
            f"{opened.settings.site} answers at {note.address}. Ctrl-C ends it.\n"
            "Data scientists put these lines into their federation.toml:\n\n"
            f"{_text(opened, note)}"
        )
        answer(as_json, "site-serves", _document(opened, note), text, _then(site))
        sys.stdout.flush()

    wiring_serve.serve_site(site, ready, say)


def address(
    site: SiteDir = HERE,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="For so many seconds, until it is served.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Print the lines by which data scientists find this site, for their federation.toml.

    Example: securefed site address --site hospital-a > federation.toml
    """
    from securefed.wiring import site as wiring_site

    opened = open_site(site)
    ends = time.monotonic() + wait
    while (note := wiring_site.serving_note(opened.folder)) is None:
        if time.monotonic() >= ends:
            raise NotInThisState(
                f"{opened.settings.site} is not served",
                hint=f"Run 'securefed site serve --site {site}' in another terminal.",
            )
        time.sleep(_LOOK_S)
    answer(as_json, "site-address", _document(opened, note), _text(opened, note), _then(site))


def _document(opened: "OpenSite", note: "ServingNote") -> dict[str, Plain]:
    return {
        "site": opened.settings.site,
        "address": note.address,
        "key": opened.party.ledger.register().site.key,
        "ca": _authority(opened) or None,
    }


def _text(opened: "OpenSite", note: "ServingNote") -> str:
    lines = [
        f"[sites.{opened.settings.site}]",
        f'url = "{note.address}"',
        f'key = "{opened.party.ledger.register().site.key}"',
    ]
    if note.tls:
        lines.append('ca = "ca.pem"    # the certificate of who vouches for the site')
    return "\n".join(lines)


def _authority(opened: "OpenSite") -> str:
    return str(opened.folder.tls / "ca.pem") if opened.settings.serve.own_ca else ""


def _then(site: object) -> str:
    return f"securefed site status --site {site}"
