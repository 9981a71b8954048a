"""`securefed site serve`: the site answers data scientists until it is told to end."""

import sys
from typing import TYPE_CHECKING

from securefed.cli.options import HERE, SiteDir
from securefed.cli.output import AsJson, answer, say, working
from securefed.domain.canonical import Plain

if TYPE_CHECKING:
    from securefed.wiring_site import ServingNote


def serve(site: SiteDir = HERE, as_json: AsJson = False) -> None:
    """Serve the site: its datasite, its desk and its blob channel, until Ctrl-C or SIGTERM.

    It listens where site.toml says. Approve, revoke and register from another terminal meanwhile;
    the site follows within a second. Example: securefed site serve --site hospital-a
    """
    with working("Loading PySyft"):
        from securefed import wiring_serve
    from securefed.wiring import open_site

    opened = open_site(site)
    name, key = opened.settings.site, opened.party.ledger.register().site.key

    def ready(note: "ServingNote") -> None:
        authority = opened.folder.tls / "ca.pem" if opened.settings.serve.own_ca else None
        lines = [f"[sites.{name}]", f'url = "{note.address}"', f'key = "{key}"']
        if note.tls:
            lines.append('ca = "ca.pem"')
        told: dict[str, Plain] = {
            "site": name,
            "address": note.address,
            "key": key,
            "ca": None if authority is None else str(authority),
            "federation": [*lines],
        }
        hand = "" if authority is None else f"\nHand over {authority} with them."
        text = (
            f"{name} answers at {note.address}. Ctrl-C ends it.\n\n"
            "Data scientists put these lines into their federation.toml:\n\n"
            + "\n".join(lines)
            + hand
        )
        answer(as_json, "site-serves", told, text, f"securefed site status --site {site}")
        sys.stdout.flush()

    wiring_serve.serve_site(site, ready, say)
