"""`securefed audit evidence` and `audit verify`: what a privacy officer takes along, and checks."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.output import AsJson, answer, table, working
from securefed.domain.canonical import Plain
from securefed.domain.check import checks_document, checks_rows, worst
from securefed.domain.checkpoint import Checkpoint, parse_checkpoint
from securefed.domain.identifiers import Name, PublicKey, StudyId
from securefed.errors import ConfigInvalid, StorageFailed

if TYPE_CHECKING:
    from securefed.domain.evidence import Evidence

Folders = Annotated[
    list[Path] | None, typer.Option("--site", help="A site's folder, on its machine.")
]
Custodians = Annotated[
    list[Path] | None, typer.Option("--custodian", help="A custodian's folder, on its machine.")
]
Parts = Annotated[
    list[Path] | None, typer.Option("--part", help="Evidence that another party wrote, to join.")
]
Notes = Annotated[
    list[Path] | None, typer.Option("--checkpoint", help="A checkpoint that somebody handed you.")
]
Keys = Annotated[
    list[str] | None,
    typer.Option("--known-key", help="NAME=ed25519:…: a key that its owner told you."),
]
Witnesses = Annotated[
    list[str] | None,
    typer.Option("--witness", help="NAME=ed25519:…: who co-signed a checkpoint from outside."),
]


def evidence(
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    sites: Folders = None,
    custodians: Custodians = None,
    parts: Parts = None,
    study: Annotated[str | None, typer.Option("--study", help="Only this study's figures.")] = None,
    witnesses: Witnesses = None,
    name: Annotated[str | None, typer.Option("--name", help="Who signs the document.")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Their private key's file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a site's, or a study's, ledgers and figures as one signed document.

    A site's part holds its whole ledger, other studies' requests and decisions too, because a chain
    with holes can't be verified. It holds no data. Each party writes its own part where its folder
    is; whoever joins them gives --part.

    Example: securefed audit evidence --site . --study readmission --out hospital-a.json
    """
    from securefed.domain.evidence import read_evidence
    from securefed.wiring import evidence as wiring

    about = None if study is None else StudyId(study)
    if (name is None) != (key is None):
        raise ConfigInvalid("Whoever signs has a name and a key", hint="Give --name and --key.")
    by = None if name is None or key is None else (Name(name), key)
    with working("Gathering"):
        own = [wiring.part_of_site(one, about) for one in sites or ()]
        own += [wiring.part_of_custodian(one, about) for one in custodians or ()]
        others = [read_evidence(read_bytes(one)) for one in parts or ()]
        signed = wiring.gathered(own, others, about, read_keys(witnesses), by)
        data = wiring.checked(signed)
    _write(out, data)
    answer(
        as_json,
        "evidence",
        {"file": str(out), "bytes": len(data), **_about(signed.evidence)},
        f"The evidence is in {out}: {', '.join(_names(signed.evidence))}.",
        f"securefed audit verify {out}",
    )


def verify(
    file: Annotated[Path, typer.Argument(help="Evidence, from `securefed audit evidence`.")],
    known: Keys = None,
    notes: Notes = None,
    as_json: AsJson = False,
) -> None:
    """Check evidence offline: signatures, ledgers, rounds, and every ε anew.

    Exits with 6 if a check fails. Bring keys and co-signed checkpoints that you have from
    elsewhere: what you do not bring is the document's own word, and the table says so.

    Example: securefed audit verify evidence.json --known-key hospital-a=ed25519:…
    """
    from securefed.wiring import evidence as wiring

    held = read_notes(notes)
    with working("Verifying"):
        examined = wiring.verified(read_bytes(file), read_keys(known), held)
    failed, checks = examined.failed, examined.checks
    first: Plain = None if failed is None else failed.what
    about = {} if examined.evidence is None else _about(examined.evidence)
    told = "No check failed." if failed is None else f"Failed first: {failed.what}"
    shown = table(("check", "result", "to do"), checks_rows(checks), "")
    answer(
        as_json,
        "evidence-verified",
        {"failed_first": first, **about, **checks_document(checks)},
        f"{shown}\n\n{told}",
    )
    if failed is not None:
        raise typer.Exit(worst(checks))


def _about(found: "Evidence") -> dict[str, Plain]:
    return {"study": found.study, "gathered_by": found.by.name, "parties": list(_names(found))}


def _names(found: "Evidence") -> list[str]:
    return [one.part.name for one in found.parts]


def read_keys(pairs: Iterable[str] | None) -> dict[Name, PublicKey]:
    """Keys as the command line gives them: each after its name and an equals sign."""
    found: dict[Name, PublicKey] = {}
    for pair in pairs or ():
        name, equals, key = pair.partition("=")
        if not equals or Name(name) in found:
            raise ConfigInvalid(f"{pair[:80]!a} is not a name, =, and the only key of that name")
        found[Name(name)] = PublicKey(key)
    return found


def read_notes(paths: Iterable[Path] | None) -> tuple[Checkpoint, ...]:
    """Checkpoints in files."""
    texts = [read_bytes(one).decode("utf-8", "replace") for one in paths or ()]
    return tuple(parse_checkpoint(one) for one in texts)


def read_bytes(path: Path) -> bytes:
    """A file's bytes."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageFailed(f"Cannot read: {error.strerror}", where=str(path)) from error


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error
