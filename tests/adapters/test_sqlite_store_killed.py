"""A process killed at any point of an append leaves the old head or the new one.

`kill -9` ends the process, not the machine: that a commit survives a power cut rests on SQLite's
`synchronous=FULL` and on a disk that does not lie.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 220


@pytest.mark.slow
def test_a_killed_append_leaves_the_old_head_or_the_new_one(tmp_path: Path) -> None:
    arguments = [str(tmp_path / "ledger.sqlite"), str(KILLS), "20260101"]
    program = [sys.executable, "-m", "tests.adapters.kill_loop", *arguments]
    root = Path(__file__).parents[2]
    ran = subprocess.run(program, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert seen["kills"] == KILLS
    # The kills are of no use when they miss, or when all hit before the commit or all after it.
    assert seen["inside_an_append"] >= KILLS / 2
    assert seen["kept_the_old_head"] >= 10
    assert seen["reached_the_new_head"] >= 10
