"""`securefed budget`: what may be spent on a dataset, and what has been."""

from datetime import datetime
from typing import Annotated

import typer

from securefed.cli import budget_plan
from securefed.cli.numbers import exact
from securefed.cli.options import HERE, ActAs, KeyFile, Reason, SiteDir, acting, open_site
from securefed.cli.output import AsJson, answer, table
from securefed.domain.allowance import RequesterShare
from securefed.domain.budget import Book, percent
from securefed.domain.canonical import Plain
from securefed.domain.identifiers import AccountId, DatasetId
from securefed.domain.records import to_plain
from securefed.domain.rules.speak import shown
from securefed.ports import Accountant

app = typer.Typer(no_args_is_help=True)
app.command("plan")(budget_plan.plan)


@app.command("show")
def show(site: SiteDir = HERE, as_json: AsJson = False) -> None:
    """Show each dataset's allowance, what is spent, what is reserved and what is left.

    Example: securefed budget show
    """
    opened = open_site(site)
    register, now = opened.party.register(), opened.party.ledger.now()
    books = list(register.books.values())
    headings = ("dataset", "allowance", "spent", "reserved", "left", "ε if all is used")
    answer(
        as_json,
        "budgets",
        {"budgets": [_document(one, opened.party.accountant, now) for one in books]},
        table(
            headings,
            [_row(one, opened.party.accountant) for one in books],
            "No dataset is registered.",
        ),
        "securefed request list",
    )


@app.command("grant")
def grant(
    dataset: Annotated[str, typer.Argument(help="The dataset.")],
    epsilon: Annotated[str, typer.Option("--epsilon", help="The most ε that may ever be spent.")],
    delta: Annotated[str, typer.Option("--delta", help="The δ at which it holds, below 1/n.")],
    share: Annotated[
        list[str] | None,
        typer.Option("--share", help="ACCOUNT=EPSILON: the most one account may spend."),
    ] = None,
    valid_days: Annotated[
        int | None, typer.Option("--valid-days", help="How long it holds.", show_default="for good")
    ] = None,
    site: SiteDir = HERE,
    by: ActAs = None,
    key: KeyFile = None,
    reason: Reason = "Allowance granted by the owner",
    as_json: AsJson = False,
) -> None:
    """Grant, raise or lower a dataset's allowance; never below what is spent.

    Example: securefed budget grant admissions --epsilon 3 --delta 1e-6
    """
    from securefed.steps.prepare_site import AllowanceAsked, grant_allowance

    asked = AllowanceAsked(
        dataset=DatasetId(dataset),
        epsilon=exact("--epsilon", epsilon),
        delta=exact("--delta", delta),
        shares=tuple(_share(one) for one in share or ()),
        valid_days=valid_days,
    )
    opened = open_site(site)
    grant_allowance(opened.party.ledger, asked, acting(opened, by, key, reason))
    allowance = opened.party.register().book(asked.dataset).granted()
    answer(
        as_json,
        "allowance",
        {"allowance": to_plain(allowance)},
        f"{dataset} may spend ε = {allowance.epsilon} at δ = {allowance.delta}, "
        f"counted at Rényi order {allowance.order}.",
        "securefed budget show",
    )


def _share(text: str) -> RequesterShare:
    account, _, epsilon = text.partition("=")
    return RequesterShare(account=AccountId(account), epsilon=exact("--share", epsilon))


def _row(book: Book, accountant: Accountant) -> tuple[str, ...]:
    granted = book.allowance
    if granted is None:
        return (book.dataset, "none", "", "", "", "")
    loss = accountant.loss(book.mechanisms(), granted.delta)
    return (
        book.dataset,
        f"ε {granted.epsilon} at δ {granted.delta}",
        percent(book.spent, granted.cap),
        percent(book.reserved, granted.cap),
        percent(granted.cap - book.counted, granted.cap),
        shown(loss.epsilon),
    )


def _document(book: Book, accountant: Accountant, now: datetime) -> Plain:
    granted = book.allowance
    if granted is None:
        return {"dataset": book.dataset, "allowance": None}
    return {
        "dataset": book.dataset,
        "allowance": to_plain(granted),
        "expired": granted.expires_at is not None and now >= granted.expires_at,
        "cap": to_plain(granted.cap),
        "spent": to_plain(book.spent),
        "reserved": to_plain(book.reserved),
        "left": to_plain(granted.cap - book.counted),
        "loss": to_plain(accountant.loss(book.mechanisms(), granted.delta)),
        "mechanisms": to_plain(book.mechanisms()),
    }
