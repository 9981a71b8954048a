"""How commands speak: one document or plain text on stdout, everything else on stderr.

With `--json` a command prints exactly one JSON document with its `format_version`. Errors are three
lines (what, where, what to do) with a stable code, and never a traceback unless `--debug` is given.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from securefed.domain.canonical import Plain
from securefed.errors import ExitCode, SecurefedError, StorageFailed

FORMAT_VERSION = 1

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def answer(as_json: bool, kind: str, document: dict[str, Plain], text: str, then: str = "") -> None:
    """Prints a command's result, and the command that comes next."""
    if as_json:
        whole = {"format_version": FORMAT_VERSION, "kind": kind, **document}
        print(json.dumps(whole, ensure_ascii=False, indent=2))
        return
    print(text)
    if then:
        print(f"\nNext: {then}", file=sys.stderr)


def say(text: str) -> None:
    """A line of chatter."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def working(text: str) -> Iterator[None]:
    """Says on stderr what is being done: a spinner on a terminal, one line elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        print(f"{text} …", file=sys.stderr)
        yield
        return
    with console.status(f"{text} …"):
        yield


@contextmanager
def counting(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """Shows on stderr how far a long work is: a bar on a terminal, a line a tenth elsewhere."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        tenth = max(total // 10, 1)
        yield lambda done: _say_tenth(text, done, total, tenth)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(text, total=total)
        yield lambda done: bar.update(task, completed=done)


def _say_tenth(text: str, done: int, total: int, tenth: int) -> None:
    if done % tenth == 0 or done == total:
        print(f"{text}: {done} of {total}", file=sys.stderr)


def write_text(path: Path, text: str) -> None:
    """Writes a file that a person asked for."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> str:
    """Columns as wide as their content; a sentence where there are no rows."""
    lines = [list(row) for row in rows]
    if not lines:
        return empty
    every = [list(headings), *lines]
    widths = [max(len(line[place]) for line in every) for place in range(len(headings))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in every
    )


def fail(error: SecurefedError) -> NoReturn:
    """Ends the program with an error's three lines and its exit code."""
    red, plain = ("\033[31m", "\033[0m") if _colours(sys.stderr.isatty()) else ("", "")
    where = f"\n  where: {error.where}" if error.where else ""
    print(
        f"{red}error[{error.code}]{plain}: {error.what}{where}\n  to do: {error.remedy}",
        file=sys.stderr,
    )
    sys.exit(int(error.exit_code))


def fail_unexpected(error: BaseException) -> NoReturn:
    """Ends the program after a defect of its own."""
    print(
        f"error[unexpected]: {type(error).__name__}: {error}\n"
        "  to do: run the command again with --debug and report what it prints.",
        file=sys.stderr,
    )
    sys.exit(int(ExitCode.UNEXPECTED))


def _colours(terminal: bool) -> bool:
    return terminal and "NO_COLOR" not in os.environ
