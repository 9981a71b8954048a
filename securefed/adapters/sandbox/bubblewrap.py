"""Bubblewrap's command line for one run's walls.

Promises a process tree of its own, no network, no rights, and a file system that holds the system's
programs, the paths that it is given and nothing else, all of it read-only but two folders and
`/dev/shm`. Without `--disable-userns`, which old versions lack, a run could still make namespaces
of its own. What lies behind the kernel's interface is not protected from a fault in the kernel.
"""

import shutil
import subprocess
from functools import cache
from pathlib import Path

_PATIENCE_S = 5.0
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# What the loader and libraries read; no accounts, no host names, no certificates.
_SETTINGS = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime")
_APART = (
    *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
    *("--unshare-cgroup-try", "--die-with-parent", "--hostname", "runner", "--cap-drop", "ALL"),
)


def around(program: str, *, readable: tuple[str, ...], scratch: Path, gpu: bool) -> tuple[str, ...]:
    """The command up to where the run's own begins."""
    mounts: list[str] = []
    # An outer folder before what lies in it, which would be covered otherwise.
    for path in sorted({*readable, str(scratch)}):
        mounts += ["--ro-bind", path, path]
    for name in ("out", "tmp"):
        mounts += ["--bind", str(scratch / name), str(scratch / name)]
    return (
        *(program, *_APART, *_userns(program), *_system()),
        *("--proc", "/proc", "--dev", "/dev", *(_devices() if gpu else ())),
        *("--bind", str(scratch / "shm"), "/dev/shm", *mounts),  # noqa: S108 - its own one
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(scratch / "tmp"), "--"),
    )


@cache
def stands(program: str) -> bool:
    """Whether this bubblewrap can put up walls here, which some systems do not allow."""
    return _starts((program, *_APART, *_system(), "--", "/bin/true"))


def found() -> str | None:
    """The bubblewrap on the path, if it can put up walls."""
    program = shutil.which("bwrap")
    return program if program is not None and stands(program) else None


@cache
def _userns(program: str) -> tuple[str, ...]:
    option = "--disable-userns"
    return (option,) if _starts((program, *_APART, option, *_system(), "--", "/bin/true")) else ()


def _starts(command: tuple[str, ...]) -> bool:
    try:
        subprocess.run(  # noqa: S603 - the owner's PATH names the program, and nobody else
            command, check=True, capture_output=True, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return False
    return True


def _system() -> tuple[str, ...]:
    words = ["--ro-bind", "/usr", "/usr"]
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    for name in _SETTINGS:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return tuple(words)


def _devices() -> tuple[str, ...]:
    words = ["--ro-bind", "/sys", "/sys"]
    for path in sorted(Path("/dev").glob("nvidia*")):
        words += ["--dev-bind", str(path), str(path)]
    return tuple(words)
