"""`securefed ledger`: what happened at a site, and whether the record of it is whole."""

from pathlib import Path
from typing import Annotated

import typer

from securefed.cli.options import HERE, SiteDir, open_site
from securefed.cli.output import AsJson, answer, table
from securefed.domain.canonical import Plain
from securefed.domain.checkpoint import parse_checkpoint
from securefed.domain.event import Decided, LedgerEntry
from securefed.domain.records import to_plain
from securefed.domain.sheet import moment
from securefed.errors import CheckpointInvalid, StorageFailed

app = typer.Typer(no_args_is_help=True)


@app.command("log")
def log(
    site: SiteDir = HERE,
    last: Annotated[int, typer.Option("--last", min=1, help="How many entries.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the newest entries of the ledger.

    Example: securefed ledger log --last 5
    """
    entries = open_site(site).party.ledger.history(last)
    answer(
        as_json,
        "ledger-log",
        {"entries": [to_plain(one) for one in entries]},
        table(("entry", "at", "what"), [_row(one) for one in entries], "The ledger is empty."),
        "securefed ledger verify",
    )


@app.command("verify")
def verify(
    site: SiteDir = HERE,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="A checkpoint that the ledger must contain.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay the whole ledger: chain, signatures, authority, budgets.

    Example: securefed ledger verify --checkpoint hospital-a.checkpoint
    """
    party = open_site(site).party
    head = party.ledger.register().head
    if checkpoint is not None:
        party.ledger.check_contains(parse_checkpoint(_text(checkpoint)))
    also = "" if checkpoint is None else " It contains the checkpoint."
    answer(
        as_json,
        "ledger-verified",
        {"entries": head.size, "head": head.hash, "checkpoint": checkpoint is not None},
        f"{head.size} entries verify; the head is {head.hash}.{also}",
        "securefed ledger checkpoint",
    )


@app.command("checkpoint")
def checkpoint(site: SiteDir = HERE, as_json: AsJson = False) -> None:
    """Print three signed lines that pin the ledger; keep them where this machine can't reach.

    Example: securefed ledger checkpoint > hospital-a.checkpoint
    """
    signed = open_site(site).party.checkpoint()
    document: dict[str, Plain] = {
        "site": signed.site,
        "entries": signed.head.size,
        "head": signed.head.hash,
        "note": signed.note(),
    }
    answer(as_json, "checkpoint", document, signed.note().rstrip("\n"))


def _row(entry: LedgerEntry) -> tuple[str, ...]:
    event = entry.event
    what = event.kind
    if isinstance(event, Decided):
        decision = event.decided.decision
        what = f"{decision.kind} by {decision.by}: {decision.reason}"
    return (str(entry.index), moment(entry.at), what)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StorageFailed(f"Cannot read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise CheckpointInvalid("The file is not text in UTF-8", where=str(path)) from error
