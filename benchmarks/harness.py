"""What every benchmark file uses: rows, a table, and a JSON file.

A benchmark measures; this file only collects. Ratio is always ours divided by the peer's, and `met`
is computed from the goal, never stated. One row more names the machine and the versions, because
a number without them says nothing. It times nothing itself and repeats nothing.

    def measure(bench: Bench) -> None:
        bench.row("append", "time", "ms", ours=1.9, goal=Goal("ours", "<=", 5))

    if __name__ == "__main__":
        run("The ledger", measure)
"""

import argparse
import json
import operator
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NoReturn

from rich.console import Console
from rich.table import Table
from rich.text import Text

import securefed

HOLDS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
# The exit code of a benchmark that has nothing to measure here.
LEFT_OUT = 4
COLUMNS = ("case", "measure", "unit", "ours", "peer", "peer_name", "ratio", "goal", "met")


@dataclass(frozen=True)
class Goal:
    """What a row has to reach, said of our number or of its ratio to the peer's."""

    of: Literal["ours", "ratio"]
    relation: Literal["<=", ">=", "<", ">"]
    value: float

    def __str__(self) -> str:
        return f"{self.of} {self.relation} {self.value:g}"

    def met(self, ours: float | None, ratio: float | None) -> bool:
        """Whether it holds. A number that is not there meets no goal."""
        number = ours if self.of == "ours" else ratio
        return number is not None and HOLDS[self.relation](number, self.value)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured number, beside a peer's where there is one."""

    case: str
    measure: str
    unit: str
    ours: float | None
    peer: float | None
    peer_name: str | None
    ratio: float | None
    goal: str | None
    met: bool | None


@dataclass
class Bench:
    """The rows of one benchmark file, in the order in which they were measured."""

    rows: list[Row] = field(default_factory=list)

    def row(
        self,
        case: str,
        measure: str,
        unit: str,
        *,
        ours: float | None,
        peer: float | None = None,
        peer_name: str | None = None,
        goal: Goal | None = None,
    ) -> Row:
        """Adds a row; the ratio and whether the goal is met follow from the numbers."""
        if (peer is not None) and not peer_name:
            raise ValueError(f"{case}: a peer's number needs the peer's name")
        ratio = None if ours is None or not peer else ours / peer
        row = Row(
            case=case,
            measure=measure,
            unit=unit,
            ours=ours,
            peer=peer,
            peer_name=peer_name,
            ratio=ratio,
            goal=None if goal is None else str(goal),
            met=None if goal is None else goal.met(ours, ratio),
        )
        self.rows.append(row)
        return row


def leave_out(why: str) -> NoReturn:
    """Ends a benchmark whose data is not on this machine; `make bench` goes on with the next."""
    print(f"left out: {why}", file=sys.stderr)
    sys.exit(LEFT_OUT)


def machine_row(libraries: tuple[str, ...] = ()) -> Row:
    """The machine and the versions, in the form of a row whose number is that of the processors."""
    parts = [platform.system(), platform.machine(), f"Python {platform.python_version()}"]
    parts.append(f"securefed {securefed.__version__}")
    parts.extend(f"{name} {_installed(name)}" for name in libraries)
    return Row(
        case=", ".join(parts),
        measure="machine",
        unit="processors",
        ours=os.cpu_count(),
        peer=None,
        peer_name=None,
        ratio=None,
        goal=None,
        met=None,
    )


def _installed(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def table(title: str, rows: list[Row]) -> Table:
    """The rows as people read them."""
    shown = Table(title=title, title_justify="left")
    for column in COLUMNS:
        numeric = column in ("ours", "peer", "ratio")
        shown.add_column(column.replace("_", " "), justify="right" if numeric else "left")
    for row in rows:
        shown.add_row(*(Text(_cell(value)) for value in asdict(row).values()))
    return shown


def _cell(value: str | float | bool | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:,.4g}"


def run(
    title: str,
    measure: Callable[[Bench], None],
    *,
    libraries: tuple[str, ...] = (),
    arguments: list[str] | None = None,
) -> None:
    """Measures, prints the table, and writes the rows to the file of `--json`."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to FILE")
    target: Path | None = parser.parse_args(arguments).json
    bench = Bench()
    measure(bench)
    rows = [*bench.rows, machine_row(libraries)]
    wide = None if sys.stdout.isatty() else 160
    Console(width=wide).print(table(title, rows))
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        document = json.dumps([asdict(row) for row in rows], indent=2, allow_nan=False)
        target.write_text(document + "\n", encoding="utf-8")
