"""Options of the commands that call a study's sites, and the ways to them."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.output import working
from securefed.domain.canonical import Plain

if TYPE_CHECKING:
    from securefed.config import Change
    from securefed.wiring.remote import Ways

File = Annotated[Path, typer.Argument(help="The study file.")]
As = Annotated[str, typer.Option("--as", help="Your account at the sites.")]
Key = Annotated[Path, typer.Option("--key", help="Your private key file.")]
Federation = Annotated[
    Path, typer.Option("--federation", help="The file that says where sites and custodians are.")
]
Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="The run's folder.", show_default="NAME.run"),
]
Assets = Annotated[
    Path | None, typer.Option("--assets", help="The folder with model folders and catalogues.")
]
MockOf = Annotated[Path, typer.Option("--data", help="The dataset.toml whose mock is trained on.")]
TriedSite = Annotated[
    str | None,
    typer.Option("--site", help="Whose part is tried.", show_default="the study's first"),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="KEY=VALUE: sets a key of the file anew for this call; repeat."),
]


def set_anew(given: list[str] | None) -> "tuple[Change, ...]":
    """What is set anew, as it was typed."""
    from securefed.config import read_change

    return tuple(read_change(one) for one in given or [])


def set_told(changes: "tuple[Change, ...]") -> list[str]:
    """A line that says what was set anew, if anything was."""
    return [f"Set for this call: {'; '.join(map(str, changes))}"] if changes else []


def set_plain(changes: "tuple[Change, ...]") -> Plain:
    """The same as JSON."""
    return [{"key": one.key, "value": one.said} for one in changes]


def written(file: Path, given: list[str] | None) -> str:
    """The command that keeps what was set anew; a file is submitted and run as it is."""
    options = " ".join(f"--set {shlex.quote(one)}" for one in given or [])
    return f"securefed study write {file} {options} --out NEW.toml"


def named(file: Path, folder: Path | None) -> str:
    """A study and its run's folder, as they are typed."""
    return str(file) if folder is None else f"{file} --folder {folder}"


def called(file: Path, folder: Path | None, federation: Path, requester: str, key: Path) -> str:
    """The same with what calling its sites takes."""
    return f"{named(file, folder)} --federation {federation} --as {requester} --key {key}"


@contextmanager
def at_sites(federation: Path, key: Path) -> Iterator["Ways"]:
    """The ways to a federation's sites. Loading PySyft takes seconds, so this is said."""
    from securefed.wiring import study as wiring_study

    with working("Loading PySyft"):
        ways = wiring_study.open_ways(federation, key)
    with ways:
        yield ways
