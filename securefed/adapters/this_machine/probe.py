"""What would run a request here, so that a review plan can name it and notice when it changes.

It may run in another Python than this one, which is then asked what it is and has. The package's
digest covers every Python file of securefed, byte for byte. The libraries' digest covers names and
versions of what securefed requires, not their files. Both are read anew at each call. They show a
change that nobody meant; they do not stop an owner who wants to deceive.
"""

import hashlib
import platform
import shutil
import subprocess
from pathlib import Path

import securefed
from securefed.adapters.this_machine.libraries import installed
from securefed.adapters.this_machine.other_python import look_at
from securefed.domain.canonical import Plain, digest_of, to_canonical
from securefed.domain.identifiers import Digest, Version
from securefed.domain.site import Machine, Sandbox
from securefed.errors import StorageFailed, WallsUnavailable

_OURS = Path(securefed.__file__).parent
_PATIENCE_S = 5.0


class ThisMachine:
    """The machine that this process runs on; `python` is the interpreter of runs, if it is not this
    one, and `walls` those that the owner wants and no other."""

    def __init__(self, python: Path | None = None, walls: Sandbox | None = None) -> None:
        self._python = python
        self._walls = walls

    def machine(self) -> Machine:
        """The machine as it is now."""
        if self._python is None:
            interpreter, libraries = platform.python_version(), libraries_digest("securefed")
        else:
            other = look_at(self._python)
            interpreter, libraries = other.version, digest_of_libraries(other.libraries)
        return Machine(
            package=Version(securefed.__version__),
            package_digest=files_digest(_OURS),
            libraries_digest=libraries,
            interpreter=Version(interpreter),
            sandbox=self._sandbox(),
        )

    def _sandbox(self) -> Sandbox:
        # Not asked for where it is not wanted: the answer takes a moment.
        found = Sandbox.PROCESS if self._walls is Sandbox.PROCESS else sandbox()
        if self._walls not in (None, found):
            raise WallsUnavailable("The site's settings want bubblewrap, which does not start here")
        return found


def files_digest(folder: Path) -> Digest:
    """A digest over the path and the bytes of every Python file below a folder."""
    try:
        pairs: list[Plain] = [
            [path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()]
            for path in sorted(folder.rglob("*.py"))
        ]
    except OSError as error:
        raise StorageFailed(
            f"The installed code cannot be read: {error.strerror}", where=str(folder)
        ) from error
    return digest_of("package-files", to_canonical(pairs))


def libraries_digest(package: str) -> Digest:
    """A digest over the names and versions of a package's installed requirements."""
    return digest_of_libraries(installed(package))


def digest_of_libraries(found: set[tuple[str, str]]) -> Digest:
    """A digest over names and versions."""
    named: list[Plain] = [f"{name}=={version}" for name, version in sorted(found)]
    return digest_of("libraries", to_canonical(named))


def sandbox() -> Sandbox:
    """Bubblewrap where it is installed and starts; otherwise only a process of its own."""
    program = shutil.which("bwrap")
    if program is None:
        return Sandbox.PROCESS
    try:
        subprocess.run(  # noqa: S603 - the owner's PATH names the program, and nobody else
            [program, *_TRIAL], check=True, capture_output=True, timeout=_PATIENCE_S
        )
    except _DOES_NOT_START:
        return Sandbox.PROCESS
    return Sandbox.BUBBLEWRAP


# Some systems have bubblewrap and do not let it make namespaces, so it is tried.
_TRIAL = ("--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "/bin/true")
_DOES_NOT_START = (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired)
