"""The questions of `securefed site init` on a terminal; each has an answer that Enter takes.

An answer that would be refused later is refused here and asked for again. Nothing is made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from securefed.domain.identifiers import AccountId, Line, SiteId
from securefed.errors import SecurefedError

if TYPE_CHECKING:
    from securefed.domain.policy import Policy

T = TypeVar("T")

SHIPPED = {
    "baseline": "for data about people, without special secrecy",
    "strict-health": "for health data: smaller losses, more reviewers, bubblewrap only",
    "pilot": "for trying everything out at one site, with data that may become known",
}
_PORT = 8400
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - only where it is wanted, and with a certificate


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a new site is to be like."""

    folder: Path
    title: str
    owner: str = "owner"
    policy: str = "baseline"
    listen: str = f"127.0.0.1:{_PORT}"
    own_ca: tuple[str, ...] = ()

    def rules(self) -> "Policy":
        """The policy itself."""
        from securefed.wiring import basics

        return basics.find_policy(self.policy)

    def told(self, site: SiteId) -> str:
        """What will be made."""
        lines = [
            f"The site {site} ({self.title}) in the folder {self.folder}",
            f"  its owner is the account {self.owner}, whose key is kept in the folder",
            f"  requests are judged by the policy {self.policy}",
            f"  it will be served at {self.listen}",
        ]
        if self.own_ca:
            lines.append(f"  with a certificate of its own for {', '.join(self.own_ca)}")
        return "\n".join(lines)


def ask_choice(site: SiteId, usual: Choice) -> Choice:
    """Asks for everything, shows it, and asks once whether to do it."""
    title = _until("Title, as people call the site", usual.title, Line)
    owner = _until("The owner's account", usual.owner, AccountId)
    policy = _policy(usual)
    listen, own_ca = usual.listen, usual.own_ca
    if typer.confirm("Shall other machines reach the site?", default=False):
        host = _until("The host name by which they reach it", f"{site}.local", _host)
        listen, own_ca = f"{_EVERYWHERE}:{_PORT}", (host,)
    choice = Choice(
        folder=usual.folder,
        title=title,
        owner=owner,
        policy=policy,
        listen=listen,
        own_ca=own_ca,
    )
    typer.echo(f"\n{choice.told(site)}\n")
    typer.confirm("Make it?", default=True, abort=True)
    return choice


def _policy(usual: Choice) -> str:
    typer.echo("Policies, or name a file of your own:")
    for name, about in SHIPPED.items():
        typer.echo(f"  {name:14} {about}")

    def known(text: str) -> str:
        Choice(folder=usual.folder, title=usual.title, policy=text).rules()
        return text

    return _until("Policy", usual.policy, known)


def _host(text: str) -> str:
    from securefed.config import chosen_serve

    chosen_serve("127.0.0.1", _PORT, (text,), "the host name")
    return text


def _until(question: str, usual: str, read: Callable[[str], T]) -> T:
    """Asks until an answer can be read."""
    while True:
        try:
            return read(typer.prompt(question, default=usual))
        except SecurefedError as error:
            typer.echo(f"{error.what}. {error.remedy}")
