"""Options of the commands that call a study's sites, and the ways to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.output import working

if TYPE_CHECKING:
    from securefed.wiring_study import Ways

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


@contextmanager
def at_sites(federation: Path, key: Path) -> Iterator["Ways"]:
    """The ways to a federation's sites. Loading PySyft takes seconds, so this is said."""
    from securefed import wiring_study

    with working("Loading PySyft"):
        ways = wiring_study.open_ways(federation, key)
    with ways:
        yield ways
