"""`securefed custodian`: keep a study's key, and open its complete sums, each round once."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.output import AsJson, answer, table, working
from securefed.domain.identifiers import Line, Name, PublicKey, SiteId, StudyId
from securefed.domain.key_card import Holds, KnownSite, Registration, SignedCard
from securefed.domain.records import to_plain
from securefed.domain.sheet import moment
from securefed.domain.study import Suite
from securefed.errors import ConfigInvalid

if TYPE_CHECKING:
    from securefed.domain.custody_log import CustodyEntry
    from securefed.wiring.custodian import OpenCustodian

app = typer.Typer(no_args_is_help=True)
key = typer.Typer(no_args_is_help=True)
app.add_typer(key, name="key", help="The keys of studies: make, rotate, publish, destroy.")

FolderOption = Annotated[
    Path,
    typer.Option(
        "--folder",
        envvar="SECUREFED_CUSTODIAN",
        help="The custodian's folder.",
        show_default=".",
    ),
]
HERE = Path()
StudyName = Annotated[str, typer.Argument(help="The study.")]
Days = Annotated[int, typer.Option("--days", min=1, max=3650, help="How long the key opens.")]


@app.command("init")
def init(
    folder: Annotated[Path, typer.Argument(help="Where the custodian lives.")],
    holds: Annotated[
        Holds, typer.Option("--kind", help="What it keeps: lattice keys, or keys of masks.")
    ],
    name: Annotated[
        str | None,
        typer.Option("--name", help="The custodian's name, for good.", show_default="the folder's"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a custodian: its folder, its signing key, and its log with the first entry.

    Example: securefed custodian init registry --kind lattice
    """
    from securefed.wiring import custodian as wiring_custodian

    who = Name(name or folder.resolve().name)
    opened = wiring_custodian.init_custodian(folder, who, holds)
    signer = opened.party.signer.key
    answer(
        as_json,
        "custodian",
        {"custodian": who, "folder": str(folder), "holds": holds.value, "key": signer},
        f"The custodian {who} is in {folder}; it keeps {holds} keys.\nIts key is {signer}",
        f"securefed custodian key new STUDY --folder {folder} --coordinator KEY --site NAME=KEY …",
    )


@key.command("new")
def new(
    study: StudyName,
    coordinator: Annotated[str, typer.Option("--coordinator", help="Whose sums are opened.")],
    site: Annotated[list[str], typer.Option("--site", help="A site and its key: NAME=KEY.")],
    quorum: Annotated[int, typer.Option("--quorum", help="The fewest sites in a sum.")],
    suite: Annotated[list[Suite], typer.Option("--suite", help="A suite that is allowed.")],
    parameters: Annotated[int, typer.Option("--parameters", help="The most values of an update.")],
    rounds: Annotated[int, typer.Option("--rounds", help="The last round.")],
    days: Days = 365,
    folder: FolderOption = HERE,
    as_json: AsJson = False,
) -> None:
    """Agree to a study, and make and publish its first key. Get the other keys from people.

    Example: securefed custodian key new readmission --coordinator ed25519:41f0… --quorum 2
    --site hospital-a=ed25519:9b1c… --site hospital-b=ed25519:77aa… --suite bfv+mask
    --parameters 100000 --rounds 20
    """
    registration = Registration(
        study=StudyId(study),
        coordinator=PublicKey(coordinator),
        sites=tuple(sorted((_known(one) for one in site), key=lambda one: one.site)),
        quorum=quorum,
        suites=tuple(sorted(set(suite))),
        rounds=rounds,
        parameters=parameters,
    )
    opened = _open(folder)
    with working("Making the study's key"):
        made = opened.party.register_study(registration, _after(opened, days))
    _print_card(made, as_json, f"securefed custodian serve --folder {folder}")


@key.command("rotate")
def rotate(
    study: StudyName,
    first_round: Annotated[
        int, typer.Option("--from-round", min=2, help="The first round that it is for.")
    ],
    days: Days = 365,
    folder: FolderOption = HERE,
    as_json: AsJson = False,
) -> None:
    """Make another key for a study's later rounds. Earlier rounds keep the one that they have.

    Example: securefed custodian key rotate readmission --from-round 11
    """
    opened = _open(folder)
    with working("Making the study's key"):
        made = opened.party.rotate(StudyId(study), first_round, _after(opened, days))
    _print_card(made, as_json, f"securefed custodian key show {study} --folder {folder}")


@key.command("show")
def show(study: StudyName, folder: FolderOption = HERE, as_json: AsJson = False) -> None:
    """Show a study's key cards, as sites and the coordinator get them.

    Example: securefed custodian key show readmission
    """
    cards = _open(folder).party.study(StudyId(study)).cards
    rows = [
        (str(one.card.number), str(one.card.first_round), moment(one.card.until), one.card.key)
        for one in cards
    ]
    answer(
        as_json,
        "key-cards",
        {"cards": [to_plain(one) for one in cards]},
        table(("number", "from round", "until", "key"), rows, "There are no keys."),
    )


@key.command("destroy")
def destroy(
    study: StudyName,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the log.")],
    folder: FolderOption = HERE,
    as_json: AsJson = False,
) -> None:
    """End a study: its keys are overwritten and removed, and nothing of it is opened any more.

    Example: securefed custodian key destroy readmission --reason "The study has ended"
    """
    gone = _open(folder).party.destroy(StudyId(study), Line(reason))
    answer(
        as_json,
        "keys-destroyed",
        {"study": study, "keys": gone},
        f"{gone} of {study}'s key files are overwritten and removed. A disk or a backup may still "
        "have what they held.",
        f"securefed custodian log --folder {folder}",
    )


@app.command("serve")
def serve(
    folder: FolderOption = HERE,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes any.")] = 8700,
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", help="For TLS.", show_default="none: this machine only"),
    ] = None,
    certificate_key: Annotated[
        Path | None, typer.Option("--certificate-key", help="For TLS.", show_default="none")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Answer the coordinators of the registered studies, until Ctrl-C or SIGTERM.

    Example: securefed custodian serve --folder registry --port 8700
    """
    from securefed.wiring import custodian as wiring_custodian

    where = wiring_custodian.listening(host, port, certificate, certificate_key)
    opened = _open(folder)

    def ready(address: str) -> None:
        told = {"address": address, "key": opened.party.signer.key}
        text = f"{opened.party.log.custodian} listens on {address}"
        answer(as_json, "custodian-serves", {**told}, text)
        sys.stdout.flush()

    opened.serve(where, ready)


@app.command("log")
def log(
    folder: FolderOption = HERE,
    checkpoint: Annotated[
        bool, typer.Option("--checkpoint", help="Print three signed lines that pin the log.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the custodian did: keys made and destroyed, rounds opened and refused.

    Example: securefed custodian log --folder registry
    """
    found = _open(folder).party.log
    entries, head = list(found.history()), found.checkpoint()
    if checkpoint and not as_json:
        print(head.note(), end="")
        return
    answer(
        as_json,
        "custodian-log",
        {"entries": [to_plain(one) for one in entries], "checkpoint": head.note()},
        table(("entry", "at", "what"), [_row(one) for one in entries], "The log is empty."),
        f"securefed custodian log --folder {folder} --checkpoint",
    )


def _open(folder: Path) -> "OpenCustodian":
    from securefed.wiring import custodian as wiring_custodian

    return wiring_custodian.open_custodian(folder)


def _after(opened: "OpenCustodian", days: int) -> datetime:
    return opened.party.log.now().astimezone(UTC) + timedelta(days=days)


def _known(text: str) -> KnownSite:
    name, equals, public = text.partition("=")
    if not equals:
        raise ConfigInvalid(f"{text[:80]!a} is not a site and its key: NAME=KEY")
    return KnownSite(site=SiteId(name), key=PublicKey(public))


def _print_card(made: SignedCard, as_json: bool, then: str) -> None:
    card = made.card
    text = (
        f"Key {card.number} of {card.study} is for rounds from {card.first_round}, "
        f"until {moment(card.until)}:\n{card.key}"
    )
    answer(as_json, "key-card", {"card": to_plain(made)}, text, then)


def _row(entry: "CustodyEntry") -> tuple[str, str, str]:
    return (str(entry.index), moment(entry.at), entry.event.told())
