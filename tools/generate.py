"""Writes every generated file of the repository, or says which of them are not fresh.

`python -m tools.generate` writes; with `--check` it writes nothing and exits 1 when a file differs
from what would be written, is missing, or lies in a generated folder without belonging there. What
is generated is a function of the code alone: the same code gives the same bytes everywhere.
"""

import argparse
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from securefed.config import schemas
from securefed.errors import ExitCode, SecurefedError, all_errors
from tests.aggregation.golden.vectors import golden_files as sealing_golden_files
from tests.domain.golden.vectors import golden_files
from tests.report.sample import FOLDER as AUDIT_SAMPLE
from tests.report.sample import golden_files as report_files
from tools.commands_page import commands_page
from tools.recipes_page import recipes_page

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = Path("docs/schemas")

MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.UNEXPECTED: "the machine or the program failed",
    ExitCode.USAGE: "the command or a file given to it is not usable",
    ExitCode.POLICY: "refused by the site's policy",
    ExitCode.BUDGET: "the privacy budget does not allow it",
    ExitCode.APPROVAL: "the approval is missing, expired or stale",
    ExitCode.INTEGRITY: "stored or received bytes are not what they claim to be",
    ExitCode.UNREACHABLE: "a site does not answer",
    ExitCode.INTERRUPTED: "interrupted from the keyboard",
}

ERRORS_HEAD = """\
# Errors

<!-- `make golden` writes this page from securefed/errors. -->

An error is printed in three lines: what happened, where, and what to do. Its code has a section on
this page; its exit code says to a script which kind of remedy it needs.
"""


def errors_page() -> str:
    """The page of all errors, in the order of `securefed/errors`."""
    rows = [f"| {code.value} | {MEANINGS[code]} |" for code in ExitCode]
    table = "\n".join(["| exit code | meaning |", "| --- | --- |", *rows])
    sections = [_section(error) for error in all_errors()]
    return "\n".join([ERRORS_HEAD, table, "", *sections])


def _section(error: type[SecurefedError]) -> str:
    explanation = inspect.cleandoc(error.__doc__ or "")
    exit_code = f"{error.exit_code.value}, {MEANINGS[error.exit_code]}"
    lines = [f"**What to do:** {error.hint}", "", f"Exit code {exit_code}.", ""]
    return "\n".join([f"## {error.code}", "", explanation, "", *lines])


def errors_files() -> dict[Path, str]:
    """The page of errors."""
    return {Path("docs/errors.md"): errors_page()}


def schema_files() -> dict[Path, str]:
    """One JSON Schema for each kind of configuration file."""
    return {
        SCHEMAS / name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas().items()
    }


def commands_files() -> dict[Path, str]:
    """The page of commands."""
    return {Path("docs/commands.md"): commands_page()}


def recipes_files() -> dict[Path, str]:
    """The page of recipes."""
    return {Path("docs/recipes.md"): recipes_page()}


GENERATORS: tuple[Callable[[], dict[Path, str]], ...] = (
    errors_files,
    commands_files,
    recipes_files,
    schema_files,
    golden_files,
    sealing_golden_files,
    report_files,
)
FOLDERS = (SCHEMAS, AUDIT_SAMPLE)


def generated() -> dict[Path, str]:
    """Every generated file, by its path in the repository."""
    return {path: text for generator in GENERATORS for path, text in generator().items()}


def differences(root: Path, files: Mapping[Path, str]) -> list[str]:
    """What is not fresh below a root, one line each."""
    found = []
    for path, text in files.items():
        if not (root / path).is_file():
            found.append(f"{path} is missing")
        elif (root / path).read_text(encoding="utf-8") != text:
            found.append(f"{path} differs from what the code says")
    left_over = {path for folder in FOLDERS for path in _files_in(root, folder)} - set(files)
    return found + [f"{path} is no longer generated" for path in sorted(left_over)]


def write(root: Path, files: Mapping[Path, str]) -> None:
    """Writes all files below a root, and removes what no longer belongs to them."""
    for folder in FOLDERS:
        for path in _files_in(root, folder) - set(files):
            (root / path).unlink()
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def _files_in(root: Path, folder: Path) -> set[Path]:
    return {path.relative_to(root) for path in (root / folder).glob("*") if path.is_file()}


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Runs the command; the result is the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when not fresh")
    check = parser.parse_args(arguments).check
    files = generated()
    if not check:
        write(root, files)
        print(f"{len(files)} generated files are written")
        return 0
    stale = differences(root, files)
    for line in stale:
        print(line, file=sys.stderr)
    if stale:
        print("Run 'make golden' and read the difference before committing it.", file=sys.stderr)
        return 1
    print(f"{len(files)} generated files are fresh")
    return 0


if __name__ == "__main__":
    sys.exit(main())
