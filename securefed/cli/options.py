"""Options that several commands share, and opening the site that they name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.domain.identifiers import AccountId, Line

if TYPE_CHECKING:
    from securefed.steps.prepare_site import Acting
    from securefed.wiring.opened_site import OpenSite

SiteDir = Annotated[
    Path,
    typer.Option("--site", envvar="SECUREFED_SITE", help="The site's folder.", show_default="."),
]
HERE = Path()

ActAs = Annotated[
    str | None,
    typer.Option("--as", help="The account that acts.", show_default="the site's only owner"),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key", help="The acting account's key file.", show_default="in the site's folder"
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the ledger.")]


def open_site(folder: Path) -> "OpenSite":
    """The site in a folder, its ledger replayed and checked."""
    from securefed.wiring import opened_site

    return opened_site.open_site(folder)


def acting(site: "OpenSite", account: str | None, key: Path | None, reason: str) -> "Acting":
    """Who acts: the named account, or the only owner."""
    name = AccountId(account) if account else site.only_owner()
    return site.acting(name, key, Line(reason))
