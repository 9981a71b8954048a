"""`securefed site`: set up a data owner's site, and check that it is as its ledger says."""

from pathlib import Path
from typing import Annotated

import typer

from securefed.cli.options import HERE, ActAs, KeyFile, Reason, SiteDir, acting, open_site
from securefed.cli.output import AsJson, answer, table, working
from securefed.cli.site_data import erase_data, make_mock, pause, resume
from securefed.cli.site_init import POLICY_HELP, init
from securefed.cli.site_serve import address, serve
from securefed.cli.site_status import status
from securefed.domain.check import Check, checks_document, checks_rows, worst
from securefed.domain.records import to_plain

app = typer.Typer(no_args_is_help=True)
app.command("init")(init)
app.command("serve")(serve)
app.command("address")(address)
app.command("status")(status)
app.command("make-mock")(make_mock)
app.command("erase-data")(erase_data)
app.command("pause")(pause)
app.command("resume")(resume)


@app.command("add-data")
def add_data(
    file: Annotated[Path, typer.Argument(help="The dataset.toml that describes the data.")],
    site: SiteDir = HERE,
    by: ActAs = None,
    key: KeyFile = None,
    reason: Reason = "Registered by the owner",
    as_json: AsJson = False,
) -> None:
    """Register a dataset by reference: its files are measured and stay where they are.

    Without a mock of yours, the site makes one up from the description, and never from the data.

    Example: securefed site add-data dataset.toml
    """
    opened = open_site(site)
    with working("Reading the data and its mock"):
        card = opened.add_data(file, acting(opened, by, key, reason))
    mock = opened.places(card.dataset).mock
    answer(
        as_json,
        "data-card",
        {"card": to_plain(card), "mock": str(mock)},
        f"{card.dataset} v{card.version}: {card.records} records of {card.units} units.\n"
        f"Everybody may see its mock: {mock}",
        f"securefed budget grant {card.dataset} --epsilon 3 --delta {_sensible_delta(card.units)}",
    )


@app.command("adopt-policy")
def adopt(
    policy: Annotated[str, typer.Argument(help=POLICY_HELP)],
    site: SiteDir = HERE,
    by: ActAs = None,
    key: KeyFile = None,
    reason: Reason = "Adopted by the owner",
    as_json: AsJson = False,
) -> None:
    """Judge requests by another policy from now on. Open plans become stale.

    Example: securefed site adopt-policy strict-health --reason "New board rule"
    """
    from securefed.steps.prepare_site import adopt_policy
    from securefed.wiring import basics

    rules, opened = basics.find_policy(policy), open_site(site)
    adopt_policy(opened.party.ledger, rules, acting(opened, by, key, reason))
    answer(
        as_json,
        "policy",
        {"policy": rules.name, "digest": rules.digest},
        f"{opened.settings.site} now judges by {rules.name} ({len(rules.rules)} rules).",
        "securefed request list",
    )


@app.command("check")
def check(site: SiteDir = HERE, as_json: AsJson = False) -> None:
    """Read every file of the site again and compare it with the ledger.

    Example: securefed site check
    """
    opened = open_site(site)
    with working("Replaying the ledger and reading the data"):
        found = opened.checks()
    report(found, as_json, "site-check", "securefed ledger checkpoint")


def report(found: list[Check], as_json: bool, kind: str, then: str) -> None:
    """Prints checks as a table; ends with the worst one's exit code."""
    code = worst(found)
    text = table(("check", "state", "how to fix"), checks_rows(found), "Nothing was checked.")
    answer(as_json, kind, checks_document(found), text, then if code == 0 else "")
    if code:
        raise typer.Exit(code)


def _sensible_delta(units: int) -> str:
    """A power of ten that is at most a tenth of one over the number of units."""
    return f"1e-{len(str(units)) + 1}"
