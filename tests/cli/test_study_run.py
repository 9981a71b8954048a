"""`securefed study submit|status|run` against three desks in memory."""

import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from securefed.adapters.update_files import folder_files
from securefed.domain.run_order import RunOrder
from securefed.errors import ExitCode
from tests.cli.conftest import Desks, Run
from tests.cli.studies import approved, study
from tests.office import Files
from tests.study_desks import SITES, Played, adding

pytestmark = pytest.mark.slow


def test_a_study_from_its_filing_to_its_model(run: Run, desks: Desks, tmp_path: Path) -> None:
    made = desks(rounds=2)
    filed = study(run, "submit", "--json")
    assert filed.code == 0, filed.err
    assert [one["state"] for one in filed.document["requests"]] == ["pending"] * 3
    made.approve()
    done = study(run, "run", "--json")
    assert done.code == 0, done.err
    said = done.document
    assert (said["study"], said["rounds"]) == ("readmission", 2)
    assert [(one["name"], one["rounds"]) for one in said["sites"]] == [(one, 2) for one in SITES]
    assert {one["bytes"] for one in said["sites"]} == {3 * 4 * 4}
    assert [one["round"] for one in said["times"]] == [1, 2]
    for one in said["times"]:
        moved = {part["part"]: part["bytes"] for part in one["parts"] if part["bytes"]}
        sent = {"send": 3 * 16} if one["round"] == 2 else {}
        assert moved == {**sent, "fetch-update": 3 * 16}
        assert [part["part"] for part in one["parts"]] == [
            *("announce", "send", "start", "train", "seal", "upload", "wait"),
            *("fetch-update", "add", "step", "vouch"),
        ]
    weights = load_file(tmp_path / said["model"] / "model.safetensors")
    assert weights["bias"] == pytest.approx([0.2])
    assert weights["weight"][0] == pytest.approx([0.4, 0.6, 0.8])
    card = (tmp_path / said["model"] / "model.md").read_text()
    assert "- rounds: 2 of 2" in card
    assert "dp-sgd σ=1.1  q=0.01 poisson  16 steps a round  C=1" in card
    assert "what it costs depends on δ" in card
    assert all(site.closed for site in made.sites.values())
    assert [made.charged(name) for name in SITES] == [32] * 3


def test_status_says_what_is_where(run: Run, desks: Desks) -> None:
    made = desks(rounds=2)
    nothing = study(run, "status")
    assert (nothing.code, "Nothing was filed at hospital-a" in nothing.out) == (7, True)
    assert study(run, "submit").code == 0
    made.approve("hospital-a")
    some = study(run, "status", "--json")
    assert some.code == 0
    states = [one["state"] for one in some.document["requests"]]
    assert (states, some.document["done"]) == (["approved", "pending", "pending"], 0)
    made.approve()
    text = study(run, "status")
    assert "Next: securefed study run study.toml" in text.err
    assert study(run, "run").code == 0
    done = study(run, "status")
    assert "2 of 2 rounds are done" in done.out
    assert "round 2: done in " in done.out
    assert "Next: securefed study export" in done.err


def test_a_site_without_approval_is_left_out_and_named(run: Run, desks: Desks) -> None:
    made = desks()
    assert study(run, "submit").code == 0
    made.approve("hospital-a", "hospital-c")
    done = study(run, "run", "--json")
    assert done.code == 0, done.err
    assert {one["name"]: one["rounds"] for one in done.document["sites"]} == {
        "hospital-a": 1,
        "hospital-b": 0,
        "hospital-c": 1,
    }
    assert "hospital-b: approval-missing" in done.err


def test_refusals_during_a_round_are_told_by_their_reason(run: Run, desks: Desks) -> None:
    made = approved(run, desks)
    machine = made.world.machine
    before = machine.machine()
    machine.sandbox = next(one for one in type(before.sandbox) if one != before.sandbox)
    stale = study(run, "run")
    assert stale.code == ExitCode.APPROVAL
    assert "error[plan-stale]: 0 of at least 2 sites finished round 1" in stale.err
    machine.sandbox = before.sandbox
    assert study(run, "run").code == 0
    assert [made.charged(name) for name in SITES] == [16] * 3


def test_a_run_that_ended_is_told_again_without_asking_anybody(run: Run, desks: Desks) -> None:
    made = approved(run, desks)
    first = study(run, "run", "--json").document
    for site in made.sites.values():
        site.away = True
    again = study(run, "run", "--json").document
    assert {**again, "seconds": ""} == {**first, "seconds": ""}
    assert [made.charged(name) for name in SITES] == [16] * 3


def test_a_site_that_is_approved_meanwhile_joins_the_next_round(run: Run, desks: Desks) -> None:
    made = desks(rounds=2)
    assert study(run, "submit").code == 0
    made.approve("hospital-a", "hospital-c")

    def play(given: Mapping[str, bytes], files: Files, order: RunOrder) -> Played:
        made.approve("hospital-b")
        return (yield from adding(0.1, 0.2, 0.3, 0.4)(given, files, order))

    made.sites["hospital-a"].office.play = play
    done = study(run, "run", "--json")
    assert done.code == 0, done.err
    rounds = {one["name"]: one["rounds"] for one in done.document["sites"]}
    assert (rounds["hospital-a"], rounds["hospital-c"]) == (2, 2)
    assert rounds["hospital-b"] >= 1


@pytest.mark.parametrize(
    ("approve", "code", "said"),
    [
        (("hospital-a", "hospital-b", "hospital-c"), 7, "error[site-unreachable]"),
        (("hospital-a", "hospital-b"), 1, "error[quorum-lost]"),
    ],
)
def test_too_few_sites_are_told_by_their_reason_if_it_is_one(
    run: Run, desks: Desks, approve: tuple[str, ...], code: int, said: str
) -> None:
    made = desks()
    assert study(run, "submit").code == 0
    made.approve(*approve)
    made.sites["hospital-b"].away = True
    if len(approve) == 3:
        made.sites["hospital-c"].away = True
    refused = study(run, "run")
    assert (refused.code, said in refused.err) == (code, True), refused.err
    assert "1 of at least 2 sites can take part" in refused.err
    assert made.charged("hospital-a") == 0


def test_a_run_goes_on_where_it_was_stopped(run: Run, desks: Desks) -> None:
    made = approved(run, desks, rounds=2)
    go_on = threading.Event()

    def play(given: Mapping[str, bytes], files: Files, order: RunOrder) -> Played:
        if "weights" in given:
            os.kill(os.getpid(), signal.SIGTERM)
            assert go_on.wait(20)
        return (yield from adding(0.1, 0.2, 0.3, 0.4)(given, files, order))

    made.sites["hospital-a"].office.play = play
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    stopped = study(run, "run")
    go_on.set()
    assert stopped.code == ExitCode.INTERRUPTED
    assert "1 of 2 rounds are done" in stopped.err
    assert "Go on with: securefed study run study.toml --federation" in stopped.err
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers
    made.settled()
    assert study(run, "run").code == 0
    assert [made.charged(name) for name in SITES] == [32] * 3


def test_one_process_runs_a_folder(run: Run, desks: Desks, tmp_path: Path) -> None:
    approved(run, desks)
    with folder_files(tmp_path / "readmission.run" / "models"):
        refused = study(run, "run")
    assert (refused.code, "error[round-busy]" in refused.err) == (1, True)
    assert study(run, "run").code == 0


def test_a_study_with_rounds_is_not_filed_in_other_words(run: Run, desks: Desks) -> None:
    made = approved(run, desks)
    assert study(run, "run").code == 0
    made.write(rounds=2)
    refused = study(run, "submit")
    assert (refused.code, "changed since its rounds began" in refused.err) == (2, True)
