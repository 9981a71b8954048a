"""`securefed site init`: makes a site. On a terminal it asks; with any flag, or in a script, never.

What is asked and what flags say become the same choice, and only then is anything made. Whoever
stops before the last question has made nothing.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.output import AsJson, answer
from securefed.cli.site_questions import SHIPPED, Choice, ask_choice
from securefed.domain.identifiers import AccountId, Line, SiteId
from securefed.errors import ConfigInvalid

if TYPE_CHECKING:
    from securefed.config import ServeSettings

POLICY_HELP = f"{', '.join(SHIPPED)}, or a policy file."


def init(
    name: Annotated[str, typer.Argument(help="The site's name, for good.")],
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where the site lives.", show_default="./NAME")
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", help="What people call the site.", show_default="NAME")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", help="The owner's account.", show_default="owner")
    ] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", help=POLICY_HELP, show_default="baseline")
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option("--listen", help="HOST:PORT to serve at.", show_default="127.0.0.1:8400"),
    ] = None,
    own_ca: Annotated[
        list[str] | None,
        typer.Option("--own-ca", help="A host name for a certificate of its own; repeat for more."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a site: its folder, its keys, its ledger with the first entry, and its policy.

    On a terminal, with nothing but a name, it asks for the rest.

    Example: securefed site init hospital-a --title "Hospital A" --owner olivia
    """
    usual = Choice(folder=folder or Path(name), title=title or name)
    given = (folder, title, owner, policy, listen, own_ca)
    if _asks(as_json, any(one is not None for one in given)):
        _make(SiteId(name), ask_choice(SiteId(name), usual), as_json)
        return
    flags = Choice(
        folder=usual.folder,
        title=usual.title,
        owner=owner or usual.owner,
        policy=policy or usual.policy,
        listen=listen or usual.listen,
        own_ca=tuple(own_ca or ()),
    )
    _make(SiteId(name), flags, as_json)


def _asks(as_json: bool, flags: bool) -> bool:
    return not as_json and not flags and sys.stdin.isatty() and sys.stdout.isatty()


def serve_settings(choice: Choice) -> "ServeSettings":
    """Where the site is to listen, refused before anything is made if that is not safe."""
    from securefed.config import chosen_serve

    host, colon, port = choice.listen.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()):
        raise ConfigInvalid(f"{choice.listen[:80]!a} is not HOST:PORT", where="--listen")
    plain = host.removeprefix("[").removesuffix("]")
    return chosen_serve(plain, int(port[:9]), choice.own_ca, "--listen and --own-ca")


def _make(site: SiteId, choice: Choice, as_json: bool) -> None:
    from securefed.steps.prepare_site import adopt_policy
    from securefed.wiring import opened_site

    who, rules, serve = AccountId(choice.owner), choice.rules(), serve_settings(choice)
    opened = opened_site.init_site(choice.folder, site, Line(choice.title), who, serve)
    adopt_policy(opened.party.ledger, rules, opened.acting(who, None, Line("Chosen at the start")))
    key = opened.party.ledger.register().site.key
    answer(
        as_json,
        "site",
        {
            "site": site,
            "folder": str(opened.folder.root),
            "key": key,
            "owner": who,
            "policy": rules.name,
        },
        f"The site {site} is in {opened.folder.root}, under the policy {rules.name}.\n"
        f"Its key is {key}",
        f"securefed site add-data dataset.toml --site {opened.folder.root}",
    )
