"""Putting up the walls that a plan names around a run, or refusing.

Promises a process group and session of its own, an environment made here from nothing, the limits
of the enclosure, and a keeper that ends everything with the site. With bubblewrap it also promises
no network and no other file. A plain process shares the site's user: it can read what that user
can read, and reach the network. That is why the plan says which of the two it is.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from securefed.adapters.sandbox import bubblewrap, keeper
from securefed.adapters.sandbox.channel import Channel
from securefed.adapters.sandbox.run import SandboxedRun
from securefed.adapters.sandbox.scratch import OUR_PACKAGE, Scratch
from securefed.domain.site import Sandbox
from securefed.domain.walls import Enclosure, refuse_sight
from securefed.errors import StorageFailed, WallsUnavailable

_KEPT_MEMORY = str(2**30)


class SandboxWalls:
    """Starts runs whose scratch folders lie in one place."""

    def __init__(self, workplace: Path) -> None:
        self._workplace = workplace

    def start(self, enclosure: Enclosure) -> SandboxedRun:
        """Starts a run inside these very walls, or refuses."""
        if sys.platform != "linux":
            raise WallsUnavailable(f"A run needs Linux; this is {sys.platform}")
        readable = (*map(_real, enclosure.readable), str(OUR_PACKAGE))
        refuse_sight(readable, tuple(map(_real, enclosure.hidden)))
        program = _bubblewrap(enclosure.sandbox)
        scratch = Scratch(self._workplace)
        try:
            return _started(enclosure, scratch, program)
        except BaseException:
            scratch.remove()
            raise


def _bubblewrap(sandbox: Sandbox) -> str | None:
    if sandbox is Sandbox.PROCESS:
        return None
    program = bubblewrap.found()
    if program is None:
        raise WallsUnavailable("The plan promises bubblewrap, which does not start here")
    return program


def _started(enclosure: Enclosure, scratch: Scratch, program: str | None) -> SandboxedRun:
    order = json.dumps(_order(enclosure, scratch, program))
    heard, said = os.pipe()
    taken, told = os.pipe()
    log = None
    try:
        # Readable by the site alone, never through a link: a log may hold private values.
        log = os.open(enclosure.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        # Isolated, and without anybody's site-packages: the keeper needs nothing of them.
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", "-S", "-B", keeper.__file__, order],
            stdin=taken,
            stdout=said,
            stderr=log,
            cwd="/",
            env=environment(scratch.root, gpu=enclosure.gpu),
            pass_fds=(scratch.lock,),
            start_new_session=True,
        )
    except OSError as error:
        os.close(heard)
        os.close(told)
        raise StorageFailed(
            f"The run cannot be started: {error.strerror}", where=str(error.filename)
        ) from error
    finally:
        for descriptor in (said, taken, *(() if log is None else (log,))):
            os.close(descriptor)
    return SandboxedRun(process, Channel(hears=heard, says=told), scratch, enclosure.limits)


def _command(enclosure: Enclosure, scratch: Scratch, program: str | None) -> tuple[str, ...]:
    run = (enclosure.interpreter.program, *enclosure.arguments)
    if program is None:
        return run
    readable = (*enclosure.readable, str(OUR_PACKAGE))
    around = bubblewrap.around(program, readable=readable, scratch=scratch.root, gpu=enclosure.gpu)
    return (*around, *run)


def _real(path: str) -> str:
    return str(Path(path).resolve())


def environment(scratch: Path, *, gpu: bool) -> dict[str, str]:
    """All that a run finds in its environment. Nothing of the site's own but the GPUs' choice."""
    found = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "USER": "runner",
        "LOGNAME": "runner",
        "HOME": str(scratch / "tmp"),
        "TMPDIR": str(scratch / "tmp"),
        "PYTHONPATH": str(scratch / "package"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONSAFEPATH": "1",
        # Threads that wait for each other must not take the cores on which others run, the site's.
        "OMP_WAIT_POLICY": "PASSIVE",
        # A large gradient's memory is used again, and not cleared by the kernel at every step.
        "MALLOC_MMAP_THRESHOLD_": _KEPT_MEMORY,
        "MALLOC_TRIM_THRESHOLD_": _KEPT_MEMORY,
        "SECUREFED_IN": str(scratch / "in"),
        "SECUREFED_OUT": str(scratch / "out"),
    }
    if not gpu:
        found["CUDA_VISIBLE_DEVICES"] = ""
    elif (chosen := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        found["CUDA_VISIBLE_DEVICES"] = chosen
    return found


def _order(enclosure: Enclosure, scratch: Scratch, program: str | None) -> dict[str, object]:
    limits = enclosure.limits
    return {
        "site": os.getpid(),
        "lock": scratch.lock,
        "command": _command(enclosure, scratch, program),
        "plain": program is None,
        "folder": str(scratch.root / "tmp"),
        "scratch": str(scratch.root),
        "memory_bytes": limits.memory_bytes,
        "scratch_bytes": limits.scratch_bytes,
        "file_bytes": limits.file_bytes,
        "log_bytes": limits.log_bytes,
        "open_files": limits.open_files,
        "tasks": limits.tasks,
        "cpu_s": limits.cpu_s,
    }
