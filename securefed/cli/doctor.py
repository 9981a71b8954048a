"""`securefed doctor`: what this machine, and a site on it, can't do yet, and how to fix it."""

from pathlib import Path
from typing import Annotated

import typer

from securefed.cli.options import open_site
from securefed.cli.output import AsJson, working
from securefed.cli.site import report


def doctor(
    site: Annotated[
        Path | None,
        typer.Option("--site", envvar="SECUREFED_SITE", help="A site's folder to check as well."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at the machine, its libraries and its sandbox; with --site, at the site too: whether it
    could be served, and whether a run could start.

    Example: securefed doctor --site hospital-a
    """
    from securefed.wiring import basics

    found, then = basics.machine_checks(), "securefed site init NAME"
    if site is not None:
        then = f"securefed site serve --site {site}"
        from securefed.wiring import site as wiring_site

        opened = open_site(site)
        with working("Looking at the site, its data and what would train"):
            found += [*opened.checks(), *wiring_site.serving_checks(opened)]
    report(found, as_json, "doctor", then)
