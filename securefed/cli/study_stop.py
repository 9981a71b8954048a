"""`securefed study stop` and `securefed study resume`: a run's end in order, and its going on."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.output import AsJson, answer, table, working
from securefed.cli.study_options import (
    As,
    Assets,
    Federation,
    File,
    Folder,
    Key,
    at_sites,
    called,
    named,
)
from securefed.cli.study_run import CoordinatorKey, Deadline, Delta, run
from securefed.domain.canonical import Plain
from securefed.domain.identifiers import AccountId
from securefed.errors import ConfigInvalid, ExitCode, NotInThisState

if TYPE_CHECKING:
    from securefed.wiring.stopping import Cancelled


Cancel = Annotated[
    bool,
    typer.Option("--cancel", help="Also have the sites end their attempts, which stay charged."),
]
SitesToCancel = Annotated[
    Path | None, typer.Option("--federation", help="With --cancel: where the sites are.")
]
AsToCancel = Annotated[
    str | None, typer.Option("--as", help="With --cancel: your account at the sites.")
]
KeyToCancel = Annotated[
    Path | None, typer.Option("--key", help="With --cancel: your private key file.")
]
Wait = Annotated[int, typer.Option("--wait", min=1, help="How many seconds the run has to end.")]


def stop(
    file: File,
    folder: Folder = None,
    cancel: Cancel = False,
    federation: SitesToCancel = None,
    requester: AsToCancel = None,
    key: KeyToCancel = None,
    wait: Wait = 60,
    as_json: AsJson = False,
) -> None:
    """End a study's run that another terminal of this machine runs, as Ctrl-C there would.

    What the sites have begun goes on and is found again. With --cancel they end it: what was
    charged stays charged, and going on takes one of the study's spare attempts.

    Example: securefed study stop study.toml
    """
    from securefed.wiring import stopping as wiring_stopping
    from securefed.wiring import study as wiring_study

    opened = wiring_study.filed_study(file, folder)
    with working("Waiting for the run's end"):
        stopped = opened.folder.root.exists() and wiring_stopping.stop_run(opened.folder, wait)
    if not stopped and not cancel:
        raise NotInThisState("No run is under way", where=str(opened.folder.root))
    then, found = f"securefed study resume {named(file, folder)} …", list["Cancelled"]()
    if cancel:
        if federation is None or requester is None or key is None:
            raise ConfigInvalid("--cancel calls the sites", hint="Give --federation, --as, --key.")
        opened.expect_filed_by(AccountId(requester))
        with at_sites(federation, key) as ways, working("Asking the sites"):
            found = wiring_stopping.cancel_at_sites(opened, ways)
        then = f"securefed study resume {called(file, folder, federation, requester, key)}"
    done, rounds = opened.folder.finished, opened.study.rounds
    said = "The run was stopped" if stopped else "No run was under way"
    sites: list[Plain] = [_document(one) for one in found]
    rows = [(one.site, _words(one)) for one in found]
    answer(
        as_json,
        "study-stopped",
        {"study": opened.study.study, "stopped": stopped, "done": done, "sites": sites},
        "\n".join([f"{said}; {done} of {rounds} rounds are done.", *_shown(rows)]),
        then,
    )
    if any(one.error for one in found):
        sys.exit(int(ExitCode.UNREACHABLE))


def resume(
    file: File,
    federation: Federation,
    requester: As,
    key: Key,
    coordinator_key: CoordinatorKey = None,
    folder: Folder = None,
    deadline: Deadline = "60",
    assets: Assets = None,
    delta: Delta = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a study's run that was begun and is not over, as `study run` would.

    A folder in which nothing was begun is refused, and so is a study that is over: whoever types
    the wrong name begins no other study.

    Example: securefed study resume study.toml --federation federation.toml --as dana --key dana.key
    """
    from securefed.wiring import study as wiring_study

    opened = wiring_study.filed_study(file, folder)
    where = str(opened.folder.root)
    if opened.folder.began is None:
        raise NotInThisState(
            "No run was begun in this folder", where=where, hint="Begin it with 'study run'."
        )
    if opened.over:
        raise NotInThisState(
            "The study is over", where=where, hint="Take its model with 'securefed study export'."
        )
    run(
        *(file, federation, requester, key),
        coordinator_key=coordinator_key,
        folder=folder,
        deadline=deadline,
        assets=assets,
        delta=delta,
        as_json=as_json,
    )


def _words(one: "Cancelled") -> str:
    if one.error is not None:
        return f"{one.error.code}: {one.error}"
    return "ended; what was charged stays charged" if one.cancelled else "nothing was under way"


def _shown(rows: Sequence[tuple[str, str]]) -> list[str]:
    return ["", table(("site", "attempt"), rows, "")] if rows else []


def _document(one: "Cancelled") -> Plain:
    code = None if one.error is None else one.error.code
    return {"name": one.site, "cancelled": one.cancelled, "error": code}
