"""However a run ends, or its site, or what watches over it: no process of it is left."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from securefed.adapters.sandbox.keeper import descendants
from securefed.domain.site import Sandbox
from securefed.domain.talk import Ready
from securefed.domain.walls import Ending
from securefed.errors import RunEnded, RunGarbled
from tests.adapters.sandbox.grounds import SHORT, needs_linux
from tests.adapters.sandbox.hearing import BOTH, SAY_READY, SLEEP, assert_gone, ended, running

pytestmark = [pytest.mark.slow, needs_linux]
ROOT = Path(__file__).parents[3]


@BOTH
def test_always_talking(tmp_path: Path, sandbox: Sandbox) -> None:
    limits = replace(SHORT, round_s=1)
    assert ended(tmp_path, sandbox, f"while True: {SAY_READY}", limits) is Ending.OVERTIME


@BOTH
def test_a_flood_of_anything(tmp_path: Path, sandbox: Sandbox) -> None:
    with running(tmp_path, sandbox, "while True: os.write(1, b'x' * 10**6)") as run:
        with pytest.raises(RunGarbled):
            run.hear()
        assert run.stop() is Ending.GARBLED


@BOTH
def test_a_flood_of_errors_is_cut_and_holds_nobody_up(tmp_path: Path, sandbox: Sandbox) -> None:
    code = "for _ in range(100): sys.stderr.write('x' * 10**5)\n" + SAY_READY + SLEEP
    with running(tmp_path, sandbox, code) as run:
        assert run.hear() == Ready()
    assert (tmp_path / "log").stat().st_size == SHORT.log_bytes
    assert (tmp_path / "log").stat().st_mode & 0o077 == 0


@BOTH
def test_a_closed_pipe(tmp_path: Path, sandbox: Sandbox) -> None:
    # Bubblewrap itself holds the pipe open, so there the run is only silent.
    walled = sandbox is Sandbox.BUBBLEWRAP
    limits = replace(SHORT, idle_s=1) if walled else SHORT
    ending = Ending.IDLE if walled else Ending.CLOSED
    assert ended(tmp_path, sandbox, "os.close(1)\n" + SLEEP, limits) is ending


@BOTH
def test_deaf_to_signals(tmp_path: Path, sandbox: Sandbox) -> None:
    code = "for n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\n" + SAY_READY + SLEEP
    with running(tmp_path, sandbox, code) as run:
        assert run.hear() == Ready()
        assert run.stop() is Ending.STOPPED


DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(1)
        time.sleep(60)
    os._exit(0)
os.wait()
"""


@BOTH
def test_a_child_that_outlives(tmp_path: Path, sandbox: Sandbox) -> None:
    with running(tmp_path, sandbox, DAEMON + SAY_READY + "sys.stdin.buffer.read()") as run:
        assert run.hear() == Ready()
        family = descendants(run.keeper)
        assert len(family) >= 2
        run.stop()
        assert_gone(family)


@BOTH
def test_its_own_end_ends_its_children(tmp_path: Path, sandbox: Sandbox) -> None:
    assert ended(tmp_path, sandbox, DAEMON) is Ending.EXITED


@BOTH
def test_a_stop_from_another_thread(tmp_path: Path, sandbox: Sandbox) -> None:
    with running(tmp_path, sandbox, SAY_READY + SLEEP) as run:
        assert run.hear() == Ready()
        canceller = threading.Thread(target=run.stop)
        canceller.start()
        with pytest.raises(RunEnded, match=Ending.STOPPED):
            run.hear()
        canceller.join()


@BOTH
def test_a_folder_that_locks_itself_is_removed(tmp_path: Path, sandbox: Sandbox) -> None:
    code = """
folder = f"{os.environ['SECUREFED_OUT']}/a/b"
os.makedirs(folder)
os.symlink("/", f"{folder}/root")
os.chmod(folder, 0)
os.chmod(os.path.dirname(folder), 0)
"""
    assert ended(tmp_path, sandbox, code) is Ending.EXITED


@BOTH
def test_a_folder_too_deep_for_a_path_is_removed(tmp_path: Path, sandbox: Sandbox) -> None:
    code = """
os.chdir(os.environ["SECUREFED_OUT"])
for _ in range(2000):
    os.mkdir("deeper")
    os.chdir("deeper")
"""
    assert ended(tmp_path, sandbox, code) in (Ending.EXITED, Ending.SCRATCH)


@BOTH
def test_a_stop_at_once(tmp_path: Path, sandbox: Sandbox) -> None:
    with running(tmp_path, sandbox, SLEEP) as run:
        assert run.stop() is Ending.STOPPED


SITE = """
import sys
from pathlib import Path
from securefed.adapters.sandbox import SandboxWalls
from securefed.adapters.sandbox.keeper import descendants
from securefed.domain.site import Sandbox
from tests.adapters.sandbox.grounds import an_enclosure
folder = Path(sys.argv[1])
run = SandboxWalls(folder).start(an_enclosure(folder, Sandbox(sys.argv[2]), "rounds"))
run.hear()
print(run.keeper, *descendants(run.keeper), flush=True)
sys.stdin.read()
"""


@BOTH
@pytest.mark.parametrize("victim", ["site", "keeper"])
def test_kill_9_leaves_no_run_behind(tmp_path: Path, sandbox: Sandbox, victim: str) -> None:
    command = [sys.executable, "-c", SITE, str(tmp_path), sandbox]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as site:
        assert site.stdout is not None
        family = [int(pid) for pid in site.stdout.readline().split()]
        assert len(family) >= 2
        if victim == "site":
            site.kill()
        else:
            os.kill(family[0], signal.SIGKILL)
        assert_gone(family[1:])
        site.kill()
    assert_gone(family)
    if victim == "site":
        assert not list(tmp_path.glob("run-*"))
