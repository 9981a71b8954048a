"""`securefed ledger`: what happened at a site, and whether the record of it is whole."""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.options import HERE, SiteDir, open_site
from securefed.cli.output import AsJson, answer, table, working
from securefed.domain.canonical import Plain
from securefed.domain.checkpoint import Checkpoint, parse_checkpoint
from securefed.domain.event import Decided, LedgerEntry, RequestFiled, RoundReserved
from securefed.domain.identifiers import Name, SiteId
from securefed.domain.records import to_plain
from securefed.domain.sheet import moment
from securefed.errors import CheckpointInvalid, StorageFailed

if TYPE_CHECKING:
    from securefed.steps.verify_ledger import LedgerReport

app = typer.Typer(no_args_is_help=True)

NoteFile = Annotated[Path, typer.Argument(help="A checkpoint, as it was printed.")]


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
    """Check every entry and signature from the first, and derive every total again.

    Example: securefed ledger verify --checkpoint hospital-a.checkpoint
    """
    opened = open_site(site)
    note = None if checkpoint is None else parse_checkpoint(_text(checkpoint))
    with working("Verifying every entry"):
        report = opened.verified()
        if note is not None:
            opened.party.ledger.check_contains(note)
    document: dict[str, Plain] = {
        "entries": report.head.size,
        "head": report.head.hash,
        "kinds": dict(sorted(report.kinds.items())),
        "totals": [to_plain(one) for one in report.totals],
        "checkpoint": note is not None,
    }
    also = "" if note is None else "\nIt contains the checkpoint."
    answer(
        as_json,
        "ledger-verified",
        document,
        _checked(report) + also,
        "securefed ledger checkpoint",
    )


@app.command("checkpoint")
def checkpoint(
    site: SiteDir = HERE,
    of: Annotated[
        str | None,
        typer.Option("--of", help="What this site signed of another's ledger last."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print three signed lines that pin the ledger; keep them where this machine can't reach.

    Example: securefed ledger checkpoint > hospital-a.checkpoint
    """
    opened = open_site(site)
    _print_note(opened.party.checkpoint() if of is None else opened.seen(SiteId(of)), as_json)


@app.command("cosign")
def cosign(
    file: NoteFile,
    name: Annotated[str, typer.Option("--name", help="The name that you sign under.")],
    key: Annotated[Path, typer.Option("--key", help="Your private key's file.")],
    as_json: AsJson = False,
) -> None:
    """Sign another site's checkpoint, as a witness that you have seen it. Keep a copy.

    Example: securefed ledger cosign hospital-a.checkpoint --name hospital-b --key hospital-b.key
    """
    from securefed.steps.vouch_checkpoint import cosign_checkpoint
    from securefed.wiring import basics

    signer = basics.load_signer(key)
    _print_note(cosign_checkpoint(parse_checkpoint(_text(file)), Name(name), signer), as_json)


@app.command("keep")
def keep(file: NoteFile, site: SiteDir = HERE, as_json: AsJson = False) -> None:
    """Keep a checkpoint of this site's ledger: one that lacks it is refused from now on.

    Example: securefed ledger keep hospital-a.cosigned
    """
    offered = parse_checkpoint(_text(file))
    kept = open_site(site).keep(offered)
    older = " That is newer than the one given." if kept.head != offered.head else ""
    answer(
        as_json,
        "kept-checkpoint",
        {"entries": kept.head.size, "head": kept.head.hash, "note": kept.note()},
        f"The site keeps a checkpoint of {kept.head.size} entries.{older}",
        "securefed site check",
    )


@app.command("export")
def export(
    site: SiteDir = HERE,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The file to write.", show_default="standard output"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the ledger as lines of JSON, which docs/verify_ledger.py checks without securefed.

    Example: securefed ledger export --out hospital-a.jsonl
    """
    from securefed.steps.export_ledger import export_ledger

    ledger = open_site(site).party.ledger
    lines = export_ledger(ledger)
    if out is not None:
        entries = _write(out, lines) - 1
        text = f"{entries} entries are in {out}."
        document: dict[str, Plain] = {"file": str(out), "entries": entries}
        key = ledger.register().site.key
        answer(
            as_json, "ledger-export", document, text, f"python docs/verify_ledger.py {out} {key}"
        )
    elif as_json:
        answer(True, "ledger-export", {"lines": list(lines)}, "")
    else:
        sys.stdout.writelines(lines)


def _checked(report: "LedgerReport") -> str:
    size, kinds = f"{report.head.size:,}", report.kinds
    rows = [
        ("entries", size, f"each follows the one before; the head is {report.head.hash}"),
        ("site signatures", size, "valid"),
        ("decisions", f"{kinds[Decided.kind]:,}", "signed by accounts that may decide"),
        ("requests", f"{kinds[RequestFiled.kind]:,}", "signed by their requesters"),
        ("attempts", f"{kinds[RoundReserved.kind]:,}", "within what was approved"),
    ]
    totals = [
        (one.dataset, one.what, str(one.order), f"{one.counted:.9f}", f"{one.recomputed:.9f}")
        for one in report.totals
    ]
    headings = ("dataset", "total", "order", "counted", "recomputed")
    shown = table(("checked", "number", "all of them"), rows, "")
    return f"{shown}\n\n{table(headings, totals, 'No allowance has been granted.')}"


def _print_note(signed: Checkpoint, as_json: bool) -> None:
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


def _write(path: Path, lines: Iterable[str]) -> int:
    """Writes lines to a file, whole or not at all, and counts them."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            written = sum(1 for _ in map(file.write, lines))
        draft.replace(path)
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error
    finally:
        with suppress(OSError):
            draft.unlink()
    return written
