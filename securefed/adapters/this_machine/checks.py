"""Looking at the machine: interpreter, libraries, sandbox, disk. Reads only."""

import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from securefed.adapters.this_machine.probe import sandbox
from securefed.domain.check import Check, advised, well
from securefed.domain.site import Sandbox

_TESTED = {"dp-accounting": "0.6", "pydantic": "2.", "pynacl": "1.", "typer": "0.15"}
_ROOM = 1_000_000_000


def check_machine() -> list[Check]:
    """Every check of this machine."""
    libraries = [_library(name, tested) for name, tested in _TESTED.items()]
    return [_python(), *libraries, _sandbox(), _disk(Path.cwd())]


def _python() -> Check:
    what = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    if (3, 11) <= sys.version_info[:2] <= (3, 12):
        return well(what)
    return advised(what, "securefed is tested on 3.11 and 3.12", "Use one of these.")


def _library(name: str, tested: str) -> Check:
    try:
        found = version(name)
    except PackageNotFoundError:
        return advised(name, "It is not installed", "Install securefed again.")
    if found.startswith(tested):
        return well(f"{name} {found}")
    return advised(f"{name} {found}", f"securefed is tested with {tested}x", "Use constraints.txt.")


def _sandbox() -> Check:
    if sandbox() is Sandbox.BUBBLEWRAP:
        return well("sandbox: bubblewrap")
    return advised(
        "sandbox",
        "bubblewrap is not installed, or the system does not let it make namespaces",
        "Install it, for example: apt install bubblewrap. docs/data-owner.md says how to try it.",
    )


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    what = f"disk: {free / 1e9:.1f} GB free"
    if free >= _ROOM:
        return well(what)
    return advised(what, "Less than 1 GB is free", "Free space: a full disk stops the ledger.")
