"""`securefed study log` and `securefed study export`: what a run's folder holds."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.numbers import exact
from securefed.cli.output import AsJson, answer, table, working
from securefed.cli.study_options import Assets, File, Folder
from securefed.cli.study_run import Delta
from securefed.domain.canonical import Plain
from securefed.domain.exported import Format
from securefed.domain.numbers import probability
from securefed.domain.records import to_plain
from securefed.domain.round_parts import Part
from securefed.domain.sheet import moment
from securefed.errors import ConfigInvalid

if TYPE_CHECKING:
    from securefed.wiring.round_times import RoundTime
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

    Below is what each round took by its parts: the seconds of the slowest site, which the others
    waited for, and the bytes of all.

    Example: securefed study log study.toml --follow
    """
    from securefed.wiring import study as wiring_study
    from securefed.wiring.round_times import round_times

    if as_json and follow:
        raise ConfigInvalid("--follow has no end, and --json prints one document")
    found = wiring_study.find_log(file, folder)
    lines, place = found.since(0)
    plain: list[Plain] = [to_plain(one) for one in lines]
    shown = table(_HEADINGS, [_row(one) for one in lines], "Nothing has happened yet.")
    times = [] if follow else round_times(lines)
    rounds: list[Plain] = [one.document() for one in times]
    shown = "\n\n".join([shown, *_tables(times)])
    answer(as_json, "study-log", {"lines": plain, "rounds": rounds}, shown)
    while follow:
        time.sleep(_POLL_S)
        lines, place = found.since(place)
        for line in lines:
            print("  ".join(_row(line)).rstrip(), flush=True)


def export(
    file: File,
    out: Annotated[Path, typer.Option("--out", help="The folder to write, which is new.")],
    form: Annotated[
        Format, typer.Option("--format", help="How the model is written.")
    ] = Format.SAFETENSORS,
    assets: Assets = None,
    folder: Folder = None,
    delta: Delta = None,
    as_json: AsJson = False,
) -> None:
    """Write the newest model of a run: its weights, its record and its card.

    Written as safetensors, another study can begin with it. Every other format is read again and
    compared with the recipe's own model on made-up records before the folder is there.

    Example: securefed study export study.toml --out model --delta 1e-6
    """
    from securefed.config import load_own_code
    from securefed.wiring import basics
    from securefed.wiring import study as wiring_study
    from securefed.wiring.export import ExportForm

    at = None if delta is None else probability("--delta", exact("--delta", delta))
    opened = wiring_study.filed_study(file, folder)
    wanted = ExportForm(format=form, assets=assets, own_code=load_own_code(file))
    with working(f"Writing the model as {form}"):
        opened.export(out, at, basics.accountant(), form=wanted)
    done = opened.folder.finished
    answer(
        as_json,
        "study-model",
        {"study": opened.study.study, "rounds": done, "format": form, "model": str(out)},
        f"The model after round {done} of {opened.study.rounds} is in {out}",
        f"securefed model digest {out}" if form is Format.SAFETENSORS else "",
    )


def _tables(times: "list[RoundTime]") -> list[str]:
    """The rounds by their parts: seconds, then bytes."""
    parts = [part for part in Part if any(part in one.parts for one in times)]
    moved = [
        part for part in parts if any(one.parts[part].bytes for one in times if part in one.parts)
    ]
    seconds = [
        (str(one.round), *(_seconds(one, part) for part in parts), str(one.whole or ""))
        for one in times
    ]
    bytes = [(str(one.round), *(_bytes(one, part) for part in moved)) for one in times]
    tables = [
        (("round", *parts, "seconds"), seconds, parts),
        (("round", *(f"{part}, bytes" for part in moved)), bytes, moved),
    ]
    return [table(headings, rows, "") for headings, rows, some in tables if some]


def _seconds(time: "RoundTime", part: Part) -> str:
    return str(time.parts[part].seconds) if part in time.parts else ""


def _bytes(time: "RoundTime", part: Part) -> str:
    return f"{time.parts[part].bytes:,}" if part in time.parts else ""


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
