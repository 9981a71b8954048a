"""`securefed doctor`: what this machine, and a site on it, can't do yet, and how to fix it."""

from pathlib import Path
from typing import Annotated

import typer

from securefed.cli.options import open_site
from securefed.cli.output import AsJson
from securefed.cli.site import report


def doctor(
    site: Annotated[
        Path | None,
        typer.Option("--site", envvar="SECUREFED_SITE", help="A site's folder to check as well."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at the machine, its libraries and its sandbox; with --site, at the site too.

    Example: securefed doctor --site hospital-a
    """
    from securefed import wiring

    found = wiring.machine_checks()
    if site is not None:
        found += open_site(site).checks()
    report(found, as_json, "doctor", "securefed site init NAME")
