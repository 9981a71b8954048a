"""FLARE beside a benchmark: a process that is asked for one part of a round at a time.

Where SECUREFED_FLARE_PYTHON names an interpreter, that one runs FLARE's own code; else this one
runs its parameters through TenSEAL. Which one it was is in the peer's name, so in every row. What
the libraries print is dropped, unless the process ends.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

PYTHON = "SECUREFED_FLARE_PYTHON"
_PEER = Path(__file__).with_name("flare_peer.py")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model of so many layers of one size."""

    name: str
    layers: int
    size: int

    @property
    def parameters(self) -> int:
        """Its values."""
        return self.layers * self.size


class FlareProcess:
    """The peer's process, ended on leaving."""

    def __init__(self) -> None:
        chosen = os.environ.get(PYTHON)
        command = [chosen or sys.executable, str(_PEER), "nvflare" if chosen else "tenseal"]
        self._open = ExitStack()
        folder = self._open.enter_context(tempfile.TemporaryDirectory())
        self._printed = self._open.enter_context((Path(folder) / "printed").open("w+b"))
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._printed, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._open.close()

    def take(self, model: Model) -> str:
        """Takes a model; returns the peer's name."""
        return str(self._asked(f"model {model.layers} {model.size}")["name"])

    def site(self) -> tuple[float, int]:
        """The CPU seconds and the bytes of one site's upload."""
        found = self._asked("site")
        return float(found["seconds"]), int(found["size"])

    def coordinator(self, sites: int) -> float:
        """The CPU seconds of a round at the coordinator."""
        return float(self._asked(f"coordinator {sites}")["seconds"])

    def opening(self) -> float:
        """The CPU seconds of reading the result."""
        return float(self._asked("open")["seconds"])

    def _asked(self, command: str) -> dict[str, Any]:
        _pipe(self._process.stdin).write(command + "\n")
        _pipe(self._process.stdin).flush()
        line = _pipe(self._process.stdout).readline()
        if not line:
            self._printed.seek(0)
            raise RuntimeError(f"FLARE's process ended:\n{self._printed.read()[-2000:].decode()}")
        found: dict[str, Any] = json.loads(line)
        return found


def _pipe(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("FLARE's process has no pipe")
    return stream
