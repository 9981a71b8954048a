"""Another Python than the one that runs this: its version, and the libraries that it has.

It is asked by the same few lines that look at our own libraries, so both are counted alike.
Promises to import nothing of what it names; whether it all loads is for the doctor to try.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from securefed.adapters.this_machine import libraries
from securefed.errors import RunnerUnfit

_PATIENCE_S = 60.0
_ANSWER = """
import json, platform
print(json.dumps([platform.python_version(), sorted(installed("securefed"))]))
"""


@dataclass(frozen=True, kw_only=True)
class OtherPython:
    """Its version, and each library's name and version."""

    version: str
    libraries: set[tuple[str, str]]


def look_at(program: Path) -> OtherPython:
    """The interpreter at a path."""
    question = Path(libraries.__file__).read_text(encoding="utf-8") + _ANSWER
    try:
        done = subprocess.run(  # noqa: S603 - the owner names the program, and nobody else
            [str(program), "-I", "-B", "-W", "ignore", "-c", question],
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            check=True,
            capture_output=True,
            timeout=_PATIENCE_S,
        )
        # A .pth file may print while the interpreter starts; the answer is the last line.
        version, found = json.loads(done.stdout.splitlines()[-1])
        return OtherPython(version=str(version), libraries={(str(n), str(v)) for n, v in found})
    except (*_DOES_NOT_ANSWER, IndexError, TypeError, ValueError) as error:
        raise RunnerUnfit("The interpreter does not start", where=str(program)) from error


_DOES_NOT_ANSWER = (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired)
