"""Looking at the Python that is to run a training: does it start, and what can it import?

Promises that every named library was imported by that interpreter itself, without the variables and
the user folder of whoever asks. It is the owner's own interpreter, so it is asked without walls.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

from securefed.domain.identifiers import Line, Version
from securefed.domain.walls import Interpreter
from securefed.errors import RunnerUnfit

_PATIENCE_S = 120.0  # torch takes its time on a cold disk
_TESTED = ("3.11.", "3.12.")
_QUESTION = """
import importlib, json, platform, sys
from importlib.metadata import PackageNotFoundError, version
found = {}
for name, module in json.loads(sys.argv[1]).items():
    try:
        importlib.import_module(module)
        found[name] = version(name)
    except (ImportError, PackageNotFoundError):
        found[name] = None
folders = [sys.prefix, sys.base_prefix]
print(json.dumps({"version": platform.python_version(), "folders": folders, "found": found}))
"""


def inspect_interpreter(program: str, libraries: Mapping[str, str]) -> Interpreter:
    """The interpreter at a path; `libraries` are packages with the module to import of each."""
    path = os.path.abspath(program)  # noqa: PTH100 - the link itself says which environment it is
    answer = _answer(path, json.dumps(dict(libraries)))
    if not answer["version"].startswith(_TESTED):
        raise RunnerUnfit(f"The interpreter is Python {answer['version']}", where=path)
    missing = [name for name, version in answer["found"].items() if version is None]
    if missing:
        raise RunnerUnfit(f"The interpreter cannot import {', '.join(missing)}", where=path)
    return Interpreter(
        program=path,
        version=Version(answer["version"]),
        folders=tuple(dict.fromkeys(answer["folders"])),
        libraries=tuple(Line(f"{name} {found}") for name, found in answer["found"].items()),
    )


def _answer(path: str, libraries: str) -> dict[str, Any]:
    try:
        done = subprocess.run(  # noqa: S603 - the owner names the program, and nobody else
            [path, "-I", "-B", "-W", "ignore", "-c", _QUESTION, libraries],
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            check=True,
            capture_output=True,
            timeout=_PATIENCE_S,
        )
        # A library may print while it is imported; the answer is the last line.
        answer = json.loads(done.stdout.splitlines()[-1])
    except (*_DOES_NOT_ANSWER, IndexError, ValueError) as error:
        raise RunnerUnfit("The interpreter does not start", where=path) from error
    if not isinstance(answer, dict) or answer.keys() != {"version", "folders", "found"}:
        raise RunnerUnfit("The interpreter does not start as a Python", where=path)
    return answer


_DOES_NOT_ANSWER = (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired)
