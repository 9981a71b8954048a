"""A run that takes more than it was given: processes, memory, disk, time."""

from dataclasses import replace
from pathlib import Path

import pytest

from securefed.domain.site import Sandbox
from securefed.domain.walls import Ending
from tests.adapters.sandbox.grounds import SHORT, needs_bubblewrap, needs_linux
from tests.adapters.sandbox.hearing import BOTH, SLEEP, ended

pytestmark = [pytest.mark.slow, needs_linux]


# Five hundred at most, should the walls not hold.
BOMB = "for _ in range(9): os.fork()\n" + SLEEP


@needs_bubblewrap
def test_a_fork_bomb(tmp_path: Path) -> None:
    assert ended(tmp_path, Sandbox.BUBBLEWRAP, BOMB) in (Ending.TASKS, Ending.FAILED)


@BOTH
def test_too_many_processes(tmp_path: Path, sandbox: Sandbox) -> None:
    code = "for _ in range(6):\n    os.fork()\n" + SLEEP
    limits = replace(SHORT, tasks=40)
    # An ordinary user's limit stops the fork; root has none, so its processes are counted.
    assert ended(tmp_path, sandbox, code, limits) in (Ending.TASKS, Ending.FAILED)


@BOTH
def test_a_hundred_gigabytes(tmp_path: Path, sandbox: Sandbox) -> None:
    assert ended(tmp_path, sandbox, "bytearray(100 * 10**9)") is Ending.FAILED
    assert "MemoryError" in (tmp_path / "log").read_text()


@BOTH
def test_memory_shared_out_among_processes(tmp_path: Path, sandbox: Sandbox) -> None:
    code = "for _ in range(2): os.fork()\nkept = b'x' * (100 * 2**20)\n" + SLEEP
    limits = replace(SHORT, memory_bytes=200 * 2**20)
    assert ended(tmp_path, sandbox, code, limits) is Ending.MEMORY


@BOTH
def test_the_scratch_folder_is_filled(tmp_path: Path, sandbox: Sandbox) -> None:
    code = f"""
for number in range(40):
    with open(f"{{os.environ['TMPDIR']}}/{{number}}", "wb") as file:
        file.write(os.urandom(2**20))
{SLEEP}"""
    limits = replace(SHORT, scratch_bytes=16 * 2**20)
    assert ended(tmp_path, sandbox, code, limits) is Ending.SCRATCH


@BOTH
def test_one_large_file(tmp_path: Path, sandbox: Sandbox) -> None:
    code = """
with open(f"{os.environ['SECUREFED_OUT']}/x", "wb") as file:
    file.truncate(2**21)
"""
    limits = replace(SHORT, file_bytes=2**20)
    assert ended(tmp_path, sandbox, code, limits) is Ending.FAILED
    assert "File too large" in (tmp_path / "log").read_text()


@BOTH
def test_never_ending(tmp_path: Path, sandbox: Sandbox) -> None:
    limits = replace(SHORT, cpu_s=1)
    assert ended(tmp_path, sandbox, "while True: pass", limits) is Ending.CPU
    patient = replace(SHORT, idle_s=1)
    assert ended(tmp_path, sandbox, SLEEP, patient) is Ending.IDLE
