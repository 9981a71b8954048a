"""`securefed study log` and `securefed study export`: what a run's folder holds."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.numbers import exact
from securefed.cli.output import AsJson, answer, table
from securefed.cli.study_options import File, Folder
from securefed.cli.study_run import Delta
from securefed.domain.canonical import Plain
from securefed.domain.numbers import probability
from securefed.domain.records import to_plain
from securefed.domain.sheet import moment
from securefed.errors import ConfigInvalid

if TYPE_CHECKING:
    from securefed.wiring.study import LogLine

_POLL_S = 0.5
_HEADINGS = ("at", "round", "site", "what", "seconds", "bytes", "")


def log(
    file: Annotated[Path | None, typer.Argument(help="The study file.")] = None,
    folder: Folder = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what happens, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what happened in a study's run: parts of rounds, with their seconds and bytes.

    Example: securefed study log study.toml --follow
    """
    from securefed.wiring import study as wiring_study

    if as_json and follow:
        raise ConfigInvalid("--follow has no end, and --json prints one document")
    found = wiring_study.find_log(file, folder)
    lines, place = found.since(0)
    plain: list[Plain] = [to_plain(one) for one in lines]
    shown = table(_HEADINGS, [_row(one) for one in lines], "Nothing has happened yet.")
    answer(as_json, "study-log", {"lines": plain}, shown)
    while follow:
        time.sleep(_POLL_S)
        lines, place = found.since(place)
        for line in lines:
            print("  ".join(_row(line)).rstrip(), flush=True)


def export(
    file: File,
    out: Annotated[Path, typer.Option("--out", help="The folder to write, which is new.")],
    folder: Folder = None,
    delta: Delta = None,
    as_json: AsJson = False,
) -> None:
    """Write the newest model of a run: its weights as safetensors, and its card.

    Example: securefed study export study.toml --out model --delta 1e-6
    """
    from securefed.wiring import basics
    from securefed.wiring import study as wiring_study

    at = None if delta is None else probability("--delta", exact("--delta", delta))
    opened = wiring_study.filed_study(file, folder)
    opened.export(out, at, basics.accountant())
    done = opened.folder.finished
    answer(
        as_json,
        "study-model",
        {"study": opened.study.study, "rounds": done, "model": str(out)},
        f"The model after round {done} of {opened.study.rounds} is in {out}",
    )


def _row(line: "LogLine") -> tuple[str, ...]:
    return (
        moment(line.at),
        str(line.round),
        line.site or "",
        line.part,
        str(line.seconds),
        f"{line.bytes:,}" if line.bytes else "",
        line.words,
    )
