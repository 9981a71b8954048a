"""What would run a request here, so that a review plan can name it and notice when it changes.

The package's digest covers every Python file of securefed, byte for byte. The libraries' digest
covers names and versions of what securefed requires, not their files. Both are read anew at each
call. They show a change that nobody meant; they do not stop an owner who wants to deceive.
"""

import hashlib
import platform
import shutil
import subprocess
from pathlib import Path

import securefed
from securefed.adapters.this_machine.libraries import installed
from securefed.domain.canonical import Plain, digest_of, to_canonical
from securefed.domain.identifiers import Digest, Version
from securefed.domain.site import Machine, Sandbox
from securefed.errors import StorageFailed

_OURS = Path(securefed.__file__).parent
_PATIENCE_S = 5.0


class ThisMachine:
    """The machine that this process runs on."""

    def machine(self) -> Machine:
        """The machine as it is now."""
        return Machine(
            package=Version(securefed.__version__),
            package_digest=files_digest(_OURS),
            libraries_digest=libraries_digest("securefed"),
            interpreter=Version(platform.python_version()),
            sandbox=sandbox(),
        )


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
    named: list[Plain] = [f"{name}=={version}" for name, version in sorted(installed(package))]
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
