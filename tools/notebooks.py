"""Executes the notebooks from their plain sources, and writes them or says which are not fresh.

`python -m tools.notebooks` writes `notebooks/*.ipynb`, with the outputs of a run in a fresh process
and an empty folder; with `--check` it writes nothing and exits 1 where a source or an output has
changed. A notebook with a cell that fails is never written. IPython runs the cells, so they mean
what they mean in Jupyter. Not part of `make golden`: training draws its noise anew each time.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import cast

from IPython.core.displayhook import DisplayHook
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets import Type

from tools.notebook_cells import (
    Cell,
    Source,
    code_of,
    document,
    result,
    steady,
    stored_cells,
    stream,
)

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
_PROGRAM = f"""#!/bin/sh
exec "{sys.executable}" -c "from securefed.cli.app import main; main()" "$@"
"""
_LONGEST_S = 1800


def executed(source: Source) -> list[Cell]:
    """The cells of a notebook with what they put out, run in a folder with the example sites."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        shutil.copytree(ROOT / "sites", folder / "sites")
        program = folder / ".bin" / "securefed"
        program.parent.mkdir()
        program.write_text(_PROGRAM)
        program.chmod(0o755)
        (folder / ".cells.json").write_text(json.dumps(source.cells()))
        _in_a_fresh_process(folder)
        done = (folder / ".cells.json").read_text()
        cells: list[Cell] = json.loads(done.replace(f"{folder}/", ""))
    return cells


def _in_a_fresh_process(folder: Path) -> None:
    environment = {
        **os.environ,
        "COLUMNS": "100",
        "IPYTHONDIR": str(folder / ".ipython"),
        "PATH": f"{folder / '.bin'}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
    }
    command = (sys.executable, "-m", "tools.notebooks", "--inside", ".cells.json")
    # A group of its own: whatever a cell left running ends with it.
    with subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True) as process:
        try:
            code = process.wait(_LONGEST_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
    if code:
        raise SystemExit(f"A cell of the notebook failed; the process ended with {code}")


class _Hook(DisplayHook):
    """Keeps the value of a cell's last line, as Jupyter does, instead of printing it."""

    shown = ""

    def write_output_prompt(self) -> None:
        """Writes none: Jupyter has the number beside the output."""

    def write_format_data(self, format_dict: dict[str, str], *_: object, **__: object) -> None:
        """Keeps the value as text."""
        self.shown = format_dict["text/plain"]


class _Shell(InteractiveShell):
    displayhook_class = Type(_Hook)


def run_inside(file: Path) -> None:
    """Runs the cells of a file in this process, one after the other, and puts their outputs in."""
    shell = _Shell.instance(colors="NoColor", history_length=0)
    hook = cast(_Hook, shell.displayhook)
    cells: list[Cell] = json.loads(file.read_text())
    for count, cell in enumerate((one for one in cells if one["cell_type"] == "code"), 1):
        hook.shown = ""
        with capture_output() as said:
            ran = shell.run_cell(code_of(cell), store_history=True)
        if not ran.success:
            print(code_of(cell), said.stdout, said.stderr, sep="\n", file=sys.stderr)
            raise SystemExit(1)
        streams = [*stream("stdout", said.stdout), *stream("stderr", said.stderr)]
        cell["outputs"] = [*streams, *result(hook.shown, count)]
        cell["execution_count"] = count
    file.write_text(json.dumps(cells))


def sources(names: list[str]) -> list[Source]:
    """The notebooks with these names, or all."""
    found = {one.stem: one for one in sorted(FOLDER.glob("*.md"))}
    wanted = names or list(found)
    return [Source(name=name, text=found[name].read_text(encoding="utf-8")) for name in wanted]


def stale(source: Source, cells: list[Cell]) -> list[str]:
    """How a stored notebook differs from one that was executed now."""
    file = FOLDER / f"{source.name}.ipynb"
    if not file.is_file():
        return [f"{file.name} is missing"]
    old, new = [steady(one) for one in stored_cells(file)], [steady(one) for one in cells]
    if len(old) != len(new):
        return [f"{file.name} has {len(old)} cells, and its source {len(new)}"]
    return [
        f"{file.name}, cell {at}, was\n{was}\nand is\n{now}"
        for at, (was, now) in enumerate(zip(old, new, strict=True))
        if was != now
    ]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; the result is the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description=__doc__)
    parser.add_argument("names", nargs="*", help="which of them; all if none is named")
    parser.add_argument("--check", action="store_true", help="write nothing, fail when not fresh")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.inside is not None:
        run_inside(asked.inside)
        return 0
    problems = list[str]()
    for source in sources(asked.names):
        cells = executed(source)
        if asked.check:
            problems += stale(source, cells)
        else:
            (FOLDER / f"{source.name}.ipynb").write_text(document(cells), encoding="utf-8")
            print(f"notebooks/{source.name}.ipynb is written")
    print(*problems, sep="\n\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
