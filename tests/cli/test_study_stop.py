"""`securefed study stop|resume` against three desks in memory."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from securefed.adapters.run_folder import RunFolder
from securefed.adapters.update_files import folder_files
from securefed.domain.round import RoundState
from securefed.domain.run_order import RunOrder
from securefed.errors import ExitCode, RoundBusy
from securefed.wiring import stopping
from securefed.wiring.stopping import stop_run
from tests.cli.conftest import Desks, Run
from tests.cli.studies import approved, study
from tests.office import Files
from tests.study_desks import SITES, Played, StudyDesks, adding

pytestmark = pytest.mark.slow
CALL = ("--federation", "federation.toml", "--as", "dana", "--key", "dana.key")


class Pausing:
    """A site's run that pauses in the second round, and has `act` called from there."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.go_on = threading.Event()
        self.found: list[object] = []
        self._other = threading.Thread(target=lambda: self.found.append(act()))

    def play(self, given: Mapping[str, bytes], files: Files, order: RunOrder) -> Played:
        if "weights" in given and not self.go_on.is_set():
            self._other.start()
            assert self.go_on.wait(20)
        return (yield from adding(0.1, 0.2, 0.3, 0.4)(given, files, order))

    def end(self) -> None:
        self._other.join(20)
        self.go_on.set()


def stopped(run: Run, made: StudyDesks, folder: RunFolder) -> None:
    """A run that another process asked to end in its second round."""
    pausing = Pausing(lambda: stop_run(folder, 20))
    made.sites["hospital-a"].office.play = pausing.play
    ended = study(run, "run")
    pausing.end()
    assert ended.code == ExitCode.INTERRUPTED
    assert "1 of 2 rounds are done" in ended.err
    assert pausing.found == [True]
    assert not folder.asked_to_stop


def test_a_run_is_stopped_from_elsewhere_and_resumed(
    run: Run, desks: Desks, tmp_path: Path
) -> None:
    made = approved(run, desks, rounds=2)
    early = study(run, "resume")
    assert (early.code, "No run was begun" in early.err) == (2, True)
    stopped(run, made, RunFolder(tmp_path / "readmission.run"))
    made.settled()
    done = study(run, "resume", "--json")
    assert done.code == 0, done.err
    assert done.document["rounds"] == 2
    assert [made.charged(name) for name in SITES] == [32] * 3
    late = study(run, "resume")
    assert (late.code, "The study is over" in late.err) == (2, True)


def test_nothing_under_way_is_no_stop(run: Run, desks: Desks) -> None:
    approved(run, desks)
    nothing = run("study", "stop", "study.toml")
    assert (nothing.code, "No run is under way" in nothing.err) == (2, True)
    assert study(run, "run").code == 0
    assert run("study", "stop", "study.toml").code == 2


def test_what_the_sites_are_at_is_cancelled_by_their_ledgers(
    run: Run, desks: Desks, tmp_path: Path
) -> None:
    made = approved(run, desks, rounds=2)
    pausing = Pausing(lambda: stop_run(RunFolder(tmp_path / "readmission.run"), 20))
    made.sites["hospital-a"].office.play = pausing.play
    assert study(run, "run").code == ExitCode.INTERRUPTED
    made.sites["hospital-c"].away = True
    alone = run("study", "stop", "study.toml", "--cancel")
    assert (alone.code, "calls the sites" in alone.err) == (2, True)
    ended = run("study", "stop", "study.toml", "--cancel", *CALL, "--json")
    assert ended.code == ExitCode.UNREACHABLE
    assert ended.document["stopped"] is False
    assert [one["cancelled"] for one in ended.document["sites"]] == [True, False, False]
    pausing.end()
    made.settled()
    ledger = made.sites["hospital-a"].office.ledger.register()
    attempts = [
        one for hold in ledger.book("admissions").holds.values() for one in hold.rounds.values()
    ]
    newest = attempts[-1]
    # It had asked for no step yet.
    assert (newest.state, newest.cause) == (RoundState.REFUNDED, "run-cancelled")


def test_a_run_that_does_not_end_in_time_is_said(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder_files(folder.models), pytest.raises(RoundBusy):
        stop_run(folder, 0.3)
    assert (tmp_path / "stop").exists()
    # The next run is not told what was meant for this one.
    calls: list[None] = []
    with folder_files(folder.models), stopping.stopped_by_file(folder, lambda: calls.append(None)):
        assert not folder.asked_to_stop
    assert not calls
    assert not stop_run(folder, 0.3)
