"""`securefed account`: who may do what at a site."""

from pathlib import Path
from typing import Annotated

import typer

from securefed.cli.options import HERE, ActAs, KeyFile, Reason, SiteDir, acting, open_site
from securefed.cli.output import AsJson, answer, table
from securefed.domain.identifiers import AccountId, PublicKey
from securefed.domain.records import to_plain
from securefed.domain.site import Account, Role

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The account's name.")]


@app.command("new-key")
def new_key(
    name: Name,
    out: Annotated[Path, typer.Option("--out", help="Where the private key is written.")],
    as_json: AsJson = False,
) -> None:
    """Make a key pair. The private half stays in the file; send the public half to the sites.

    Example: securefed account new-key dana --out dana.key
    """
    from securefed.wiring import basics

    key = basics.new_key(out, AccountId(name))
    answer(
        as_json,
        "account-key",
        {"account": name, "key": key, "file": str(out)},
        key,
        f"keep {out} to yourself and send the line above to each site's owner, who runs "
        f"securefed account add {name} --public-key {key} --role scientist",
    )


@app.command("add")
def add(
    name: Name,
    public_key: Annotated[str, typer.Option("--public-key", help="The person's public key.")],
    role: Annotated[list[Role], typer.Option("--role", help="What they may do; repeat for more.")],
    site: SiteDir = HERE,
    by: ActAs = None,
    key: KeyFile = None,
    reason: Reason = "Account admitted by the owner",
    as_json: AsJson = False,
) -> None:
    """Give a person an account at this site.

    Example: securefed account add dana --public-key ed25519:41f0… --role scientist
    """
    from securefed.steps.prepare_site import admit_account

    account = Account(account=AccountId(name), key=PublicKey(public_key), roles=tuple(role))
    opened = open_site(site)
    admit_account(opened.party.ledger, account, acting(opened, by, key, reason))
    answer(
        as_json,
        "account",
        {"account": to_plain(account)},
        f"{name} may now act as {', '.join(role)} at {opened.settings.site}.",
        "securefed account list",
    )


@app.command("list")
def list_accounts(site: SiteDir = HERE, as_json: AsJson = False) -> None:
    """Show every account of this site.

    Example: securefed account list
    """
    register = open_site(site).party.ledger.register()
    rows = [
        (
            name,
            ", ".join(one.roles),
            "disabled" if name in register.suspended else "active",
            one.key,
        )
        for name, one in register.accounts.items()
    ]
    answer(
        as_json,
        "accounts",
        {
            "accounts": [
                {"account": to_plain(one), "active": name not in register.suspended}
                for name, one in register.accounts.items()
            ]
        },
        table(("account", "roles", "state", "key"), rows, "There are no accounts."),
    )


@app.command("disable")
def disable(
    name: Name,
    reason: Reason,
    site: SiteDir = HERE,
    by: ActAs = None,
    key: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Take an account away. Its name and key are never given to another.

    Example: securefed account disable dana --reason "Left the project"
    """
    from securefed.steps.prepare_site import suspend_account

    opened = open_site(site)
    suspend_account(opened.party.ledger, AccountId(name), acting(opened, by, key, reason))
    answer(
        as_json,
        "account-disabled",
        {"account": name},
        f"{name} can no longer act at {opened.settings.site}.",
        "securefed request list",
    )
