"""Programs that are started end with whoever started them."""

from pathlib import Path

import pytest

from securefed.adapters import started_programs
from securefed.adapters.started_programs import StartedPrograms
from securefed.errors import ProgramFailed
from tests.site.processes import about, processes, until

READY = 'print(\'{"address": "here"}\', flush=True)'
STUBBORN = f"""
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", sys.argv[1]])
{READY}
time.sleep(600)
"""
WILLING = f"import time\n{READY}\ntime.sleep(600)"


@pytest.fixture
def programs(tmp_path: Path) -> StartedPrograms:
    return StartedPrograms(tmp_path)


def left(tmp_path: Path) -> list[int]:
    return [pid for pid in processes() if str(tmp_path).encode() in about(pid)]


def test_what_a_program_prints_is_its_answer(
    programs: StartedPrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(started_programs, "_START", WILLING)
    one = programs.start("willing", str(tmp_path))
    assert programs.answer(one, 60) == {"address": "here"}
    assert programs.alive == [one]
    programs.stop(60)
    assert one.process.returncode == -15
    assert (programs.alive, left(tmp_path)) == ([], [])


def test_one_that_does_not_end_is_killed_with_what_it_started(
    programs: StartedPrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(started_programs, "_START", STUBBORN)
    one = programs.start("stubborn", str(tmp_path))
    programs.answer(one, 60)
    assert len(left(tmp_path)) == 2
    programs.stop(0.1)
    assert one.process.returncode == -9
    until(lambda: left(tmp_path) == [])


def test_one_that_fails_is_told_with_its_own_words(programs: StartedPrograms) -> None:
    one = programs.start("nobody", "budget", "show", "--site", "nowhere")
    with pytest.raises(ProgramFailed, match=r"nobody ended with 2: .*nowhere"):
        programs.answer(one, 60)
    programs.stop(0)


def test_one_that_says_nothing_is_not_waited_for_without_end(
    programs: StartedPrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(started_programs, "_START", "import time; time.sleep(600)")
    one = programs.start("silent")
    with pytest.raises(ProgramFailed, match="not ready"):
        programs.answer(one, 0)
    programs.stop(60)
