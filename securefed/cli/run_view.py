"""A study's run on a terminal: a live table of its sites, or a line for each thing that happened.

Standings come from the threads that visit the sites, some twenty times a second each; the terminal
is written to four times a second.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from securefed.domain.errand import Standing
from securefed.domain.identifiers import SiteId
from securefed.domain.round_parts import DONE, Part
from securefed.wiring.study import COUNTED, LogLine

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


_A_SECOND = 4
# What the table of a round's parts is for.
_FIGURES = {
    COUNTED,
    *(
        Part.SEND,
        Part.START,
        Part.TRAIN,
        Part.SEAL,
        Part.UPLOAD,
        Part.WAIT,
        Part.ADD,
        Part.STEP,
        Part.VOUCH,
    ),
}


@dataclass
class _Row:
    """What is known of a site now."""

    round: int = 0
    phase: str = "waiting"
    steps: str = ""
    since: float = field(default_factory=time.monotonic)


class RunView:
    """What is shown; fed by any thread."""

    def __init__(self, console: "Console", sites: Sequence[SiteId], rounds: int) -> None:
        self._console = console
        self._rounds = rounds
        self._lock = Lock()
        self._rows = {site: _Row() for site in sites}
        self._done = ""

    def standing(self, site: SiteId, standing: Standing) -> None:
        """Takes in where an attempt stands."""
        with self._lock:
            row = self._rows[site]
            if (row.round, row.phase) != (standing.id.round, str(standing.phase)):
                row.since = time.monotonic()
            row.round, row.phase = standing.id.round, str(standing.phase)
            row.steps = f"{standing.step}/{standing.steps}"

    def noted(self, line: LogLine) -> None:
        """Takes in a line of the log."""
        text = told(line)
        with self._lock:
            if line.site is not None and line.words:
                self._rows[line.site] = _Row(round=line.round, phase=line.part)
            if line.part == DONE:
                self._done = f"round {line.round} of {self._rounds} is done"
        if text and (line.words or not self._console.is_terminal):
            self.say(text)

    def say(self, text: str) -> None:
        """Prints a line above the table."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def __rich__(self) -> "Table":
        from rich.table import Table

        shown = Table("site", "round", "phase", "step", "seconds", caption=self._done or None)
        with self._lock:
            for site, row in self._rows.items():
                seconds = f"{time.monotonic() - row.since:.0f}"
                round_number = f"{row.round or '-'} of {self._rounds}"
                shown.add_row(site, round_number, row.phase, row.steps, seconds)
        return shown


@contextmanager
def watching(sites: Sequence[SiteId], rounds: int) -> Iterator[RunView]:
    """Shows a run on stderr while the block runs."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    view = RunView(console, sites, rounds)
    if not console.is_terminal:
        yield view
        return
    with Live(view, console=console, refresh_per_second=_A_SECOND, transient=True):
        yield view


def told(line: LogLine) -> str:
    """A line of the log in words; nothing for what only the table of figures needs."""
    if line.part in _FIGURES and not line.words:
        return ""
    who = "" if line.site is None else f" {line.site}"
    moved = f", {line.bytes:,} bytes" if line.bytes else ""
    words = f": {line.words}" if line.words else ""
    return f"round {line.round}{who}: {line.part} in {line.seconds} s{moved}{words}"
