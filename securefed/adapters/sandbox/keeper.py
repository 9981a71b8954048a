"""The keeper: a small process between a site and one run. It starts the run, watches it, ends it.

Runs as a program of its own, with the standard library alone, so that limits are set without code
between fork and exec of a threaded server, and so that somebody is left when the site is killed.
Every descendant stays its own, because orphans are handed to it. It ends all of them when the run's
first process ends, when they exceed a limit, when it is told to, and when the site is gone; then it
removes the scratch folder. How the run ended is its exit code. It is not a wall itself: a run that
shares its user without bubblewrap can kill it.
"""

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# Names of `Ending`, by the exit code that stands for each.
EXIT_CODES = {
    "EXITED": 0,
    "FAILED": 70,
    "MEMORY": 71,
    "TASKS": 72,
    "SCRATCH": 73,
    "CPU": 74,
    "STOPPED": 75,
    "DESERTED": 76,
    "NOT_STARTED": 77,
}
_WATCH_S = 0.25
_MOST_FILES = 100_000
_DEEPEST = 32
_LEAST_FREE = 512 * 2**20
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38
_CANNOT_EXEC = 127
_NICE = 5


def main() -> int:
    """Keeps one run as ordered by the first argument, and returns how it ended."""
    order = json.loads(sys.argv[1])
    os.set_inheritable(order["lock"], False)
    site = os.pidfd_open(order["site"])
    # Had the site died before, its number could be somebody else's by now.
    if os.getppid() != order["site"]:
        return EXIT_CODES["DESERTED"]
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    stop, told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    log, log_end = os.pipe()
    try:
        run = _start(order, log_end)
        os.close(log_end)
        # The run holds the conversation alone: its end is the conversation's end.
        os.close(0)
        os.close(1)
        watched = _Watched(site=site, stop=stop, run=run, log=_Log(log, order["log_bytes"]))
        ending = _watch(order, watched)
        _end_all(run)
        while watched.log.pass_on():
            pass  # what the run said last
        return EXIT_CODES[ending]
    finally:
        remove_folder(Path(order["scratch"]))


class _Log:
    """What the run says on its error stream; beyond the limit it is dropped, not waited for."""

    def __init__(self, pipe: int, most: int) -> None:
        self.pipe = pipe
        self._left = most

    def pass_on(self) -> bool:
        """Passes some of it on; whether there can be more."""
        said = os.read(self.pipe, 2**16)
        os.write(2, said[: self._left])
        self._left = max(0, self._left - len(said))
        return bool(said)


class _Watched:
    def __init__(self, *, site: int, stop: int, run: int, log: _Log) -> None:
        self.site, self.stop, self.log = site, stop, log
        self.run = run
        self.run_ended = os.pidfd_open(run)


def _start(order: dict[str, Any], log: int) -> int:
    tasks = None if os.getuid() == 0 else _tasks_of_user() + order["tasks"]
    keeper = os.getpid()
    run = os.fork()
    if run:
        return run
    try:
        os.dup2(log, 2)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        os.nice(_NICE)  # the site and the keeper come first, however many processes there are
        os.umask(0o077)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(_CANNOT_EXEC)
        if order["plain"]:  # bubblewrap sees to it itself, and may have to be setuid
            ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        # Should memory run out all the same, the kernel ends the run and not the site.
        Path("/proc/self/oom_score_adj").write_text("1000")
        _limit(order, tasks)
        os.chdir(order["folder"])
        os.execv(order["command"][0], order["command"])  # noqa: S606 - no shell is wanted
    except (OSError, ValueError) as error:
        os.write(2, f"the run cannot be started: {error}\n".encode())
    os._exit(_CANNOT_EXEC)


def _limit(order: dict[str, Any], tasks: int | None) -> None:
    # Not RLIMIT_AS: CUDA reserves far more addresses than there is memory.
    limits = {
        resource.RLIMIT_DATA: order["memory_bytes"],
        resource.RLIMIT_CPU: order["cpu_s"],
        resource.RLIMIT_NOFILE: order["open_files"],
        resource.RLIMIT_FSIZE: order["file_bytes"],
        resource.RLIMIT_CORE: 0,
    }
    if tasks is not None:
        limits[resource.RLIMIT_NPROC] = tasks
    for kind, wanted in limits.items():
        hard = resource.getrlimit(kind)[1]
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        # A second later the kernel kills without saying why.
        later = kind == resource.RLIMIT_CPU and (hard == resource.RLIM_INFINITY or hard > most)
        resource.setrlimit(kind, (most, most + 1 if later else most))


def _watch(order: dict[str, Any], watched: _Watched) -> str:
    poller = select.poll()
    for one in (watched.site, watched.stop, watched.run_ended, watched.log.pipe):
        poller.register(one, select.POLLIN)
    look = time.monotonic() + _WATCH_S
    while True:
        ready = {descriptor for descriptor, _ in poller.poll(_WATCH_S * 1000)}
        if watched.site in ready:
            return "DESERTED"
        if watched.run_ended in ready:
            return _how(os.waitid(os.P_PID, watched.run, os.WEXITED | os.WNOWAIT))
        if watched.stop in ready:
            return "STOPPED"
        if watched.log.pipe in ready and not watched.log.pass_on():
            poller.unregister(watched.log.pipe)
        if time.monotonic() >= look:
            _reap_orphans(watched.run)
            if excess := _excess(order):
                return excess
            look = time.monotonic() + _WATCH_S


def _how(ended: os.waitid_result | None) -> str:
    code = 0 if ended is None else ended.si_status
    if code in (signal.SIGXCPU, 128 + signal.SIGXCPU):
        return "CPU"
    if code == _CANNOT_EXEC:
        return "NOT_STARTED"
    return "FAILED" if code else "EXITED"


def _reap_orphans(run: int) -> None:
    everyone, look = os.P_ALL, os.WEXITED | os.WNOHANG
    while (ended := os.waitid(everyone, 0, look | os.WNOWAIT)) and ended.si_pid != run:
        os.waitid(os.P_PID, ended.si_pid, look)


def _excess(order: dict[str, Any]) -> str | None:
    processes = descendants(os.getpid())
    if sum(processes.values()) > order["tasks"]:
        return "TASKS"
    if sum(map(_memory, processes)) > order["memory_bytes"] or _free() < _LEAST_FREE:
        return "MEMORY"
    if _scratch_is_full(order["scratch"], order["scratch_bytes"]):
        return "SCRATCH"
    return None


def descendants(ancestor: int) -> dict[int, int]:
    """The processes under a process, each with its number of threads."""
    parents, threads = {}, {}
    for pid, _, fields in _processes():
        parents[pid], threads[pid] = int(fields[1]), int(fields[17])
    below: set[int] = set()
    fresh = {ancestor}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - below
        below |= fresh
    return {pid: threads[pid] for pid in below}


def remove_folder(folder: Path) -> None:
    """Removes a folder whose run is gone, however deep it is and whatever rights it has.

    Neither program follows a link, and neither gives up on a path that is too long for one call."""
    for command in (["/bin/chmod", "-Rf", "u+rwX"], ["/bin/rm", "-rf"]):
        subprocess.run(  # noqa: S603 - the system's own
            [*command, "--", str(folder)], check=False, stderr=subprocess.DEVNULL
        )


def _processes() -> list[tuple[int, int, list[str]]]:
    """Every process that can be seen: its number, its owner, and what its `stat` says."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text(errors="replace")
                owner = folder.stat().st_uid
            except OSError:
                continue  # it ended meanwhile
            found.append((int(folder.name), owner, stat[stat.rindex(")") + 2 :].split()))
    return found


def _tasks_of_user() -> int:
    return sum(int(fields[17]) for _, owner, fields in _processes() if owner == os.getuid())


def _memory(pid: int) -> int:
    """What a process holds without the pages of files, which the kernel can drop, in bytes."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    except OSError:
        return 0  # it ended meanwhile
    held = [line.split()[1] for line in lines if line.startswith(("RssAnon:", "RssShmem:"))]
    return sum(map(int, held)) * 1024


def _free() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def _scratch_is_full(scratch: str, most: int) -> bool:
    used = files = 0
    waiting = [(scratch, 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    files += 1
                    used += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, depth + 1))
                    if used > most or files > _MOST_FILES or depth > _DEEPEST:
                        return True
        except (FileNotFoundError, PermissionError):
            continue  # it went away meanwhile, or is locked, which also keeps the run out
    return False


def _end_all(run: int) -> None:
    """Kills until there is no descendant.

    With bubblewrap the first kill is all it takes. Otherwise they are stopped before they are
    killed, so that none is born between."""
    _send({run}, signal.SIGKILL)
    stopped: set[int] = set()
    while (found := set(descendants(os.getpid()))) - stopped:
        _send(found, signal.SIGSTOP)
        stopped |= found
    while True:
        _send(set(descendants(os.getpid())), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass  # many end at once
        except ChildProcessError:
            return


def _send(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue  # it ended meanwhile


if __name__ == "__main__":
    sys.exit(main())
