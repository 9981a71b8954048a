"""`securefed study submit|status|run|log|export` against three desks in memory."""

import json
import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from securefed import wiring_run, wiring_study
from securefed.adapters.update_files import folder_files
from securefed.domain.run_order import RunOrder
from securefed.errors import ExitCode
from tests.cli.conftest import Ran, Run
from tests.office import Files
from tests.study_desks import NOISY, SITES, Played, StudyDesks, adding, first_values

pytestmark = pytest.mark.slow  # two rounds in most tests

AT = ("--federation", "federation.toml", "--as", "dana", "--key", "dana.key")
Desks = Callable[..., StudyDesks]


@pytest.fixture
def desks(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desks:
    """Makes the sites, and puts them where the program looks for them."""

    def make(**changes: object) -> StudyDesks:
        made = StudyDesks(tmp_path, **changes)
        monkeypatch.setattr(wiring_study, "connect_site", made.connect)
        monkeypatch.setattr(wiring_run, "first_values", first_values)
        return made

    return make


def study(run: Run, verb: str, *options: str) -> Ran:
    return run("study", verb, "study.toml", *AT, *options)


def approved(run: Run, desks: Desks, **changes: object) -> StudyDesks:
    made = desks(**changes)
    assert study(run, "submit").code == 0
    made.approve()
    return made


def test_a_study_from_its_filing_to_its_model(run: Run, desks: Desks, tmp_path: Path) -> None:
    made = desks()
    filed = study(run, "submit", "--json")
    assert filed.code == 0, filed.err
    assert [one["state"] for one in filed.document["requests"]] == ["pending"] * 3
    made.approve()
    done = study(run, "run", "--json")
    assert done.code == 0, done.err
    said = done.document
    assert (said["study"], said["rounds"]) == ("readmission", 2)
    assert [(one["name"], one["rounds"]) for one in said["sites"]] == [(one, 2) for one in SITES]
    assert {one["bytes"] for one in said["sites"]} == {2 * 4 * 4}
    assert {"announce", "whole-part", "fetch-update", "open"} >= {
        one["part"] for one in said["parts"]
    }
    weights = load_file(tmp_path / said["model"] / "model.safetensors")
    assert weights["bias"] == pytest.approx([0.2])
    assert weights["weight"][0] == pytest.approx([0.4, 0.6, 0.8])
    card = (tmp_path / said["model"] / "model.md").read_text()
    assert "rounds: 2 of 2, server rule fed-avg" in card
    assert "dp-sgd σ=1.1  q=0.01 poisson  16 steps a round  C=1" in card
    assert "what it costs depends on δ" in card
    assert all(site.closed for site in made.sites.values())
    assert [made.charged(name) for name in SITES] == [32] * 3


def test_filing_twice_is_filing_once(run: Run, desks: Desks) -> None:
    made = desks()
    first, again = study(run, "submit", "--json"), study(run, "submit", "--json")
    assert first.document["requests"] == again.document["requests"]
    assert [len(one.office.ledger.register().requests) for one in made.sites.values()] == [1] * 3
    assert [one.filed for one in made.sites.values()] == [2] * 3


def test_a_site_that_is_away_is_named_and_the_others_are_asked(run: Run, desks: Desks) -> None:
    made = desks()
    made.sites["hospital-b"].away = True
    filed = study(run, "submit")
    assert filed.code == ExitCode.UNREACHABLE
    assert "hospital-b" in filed.out
    assert "site-unreachable" in filed.out
    assert filed.out.count("pending") == 2
    made.sites["hospital-b"].away = False
    assert study(run, "submit").code == 0


def test_status_says_what_is_where(run: Run, desks: Desks) -> None:
    made = desks()
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
    assert "round 2: open in " in done.out
    assert "Next: securefed study export" in done.err


def test_without_enough_approvals_nothing_runs(run: Run, desks: Desks) -> None:
    made = desks()
    assert study(run, "submit").code == 0
    made.approve("hospital-a")
    refused = study(run, "run")
    assert refused.code == ExitCode.APPROVAL
    assert "error[approval-missing]: 1 of at least 2 sites can take part" in refused.err
    assert "hospital-c" in refused.err
    assert made.charged("hospital-a") == 0


def test_a_site_without_approval_is_left_out_and_named(run: Run, desks: Desks) -> None:
    made = desks()
    assert study(run, "submit").code == 0
    made.approve("hospital-a", "hospital-c")
    done = study(run, "run", "--json")
    assert done.code == 0, done.err
    assert {one["name"]: one["rounds"] for one in done.document["sites"]} == {
        "hospital-a": 2,
        "hospital-b": 0,
        "hospital-c": 2,
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
    assert [made.charged(name) for name in SITES] == [32] * 3


def test_a_run_that_ended_is_only_told_again(run: Run, desks: Desks) -> None:
    made = approved(run, desks)
    first = study(run, "run", "--json").document
    again = study(run, "run", "--json").document
    assert {**again, "seconds": ""} == {**first, "seconds": ""}
    assert [made.charged(name) for name in SITES] == [32] * 3


def test_a_run_goes_on_where_it_was_stopped(run: Run, desks: Desks) -> None:
    made = approved(run, desks)
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


def test_metrics_are_the_means_of_what_sites_released(run: Run, desks: Desks) -> None:
    made = approved(run, desks, metrics=NOISY)
    for name, accuracy in zip(SITES, ("0.7", "0.8", ""), strict=True):
        made.sites[name].office.play = adding(0, 0, 0, 0, accuracy=accuracy)
    done = study(run, "run", "--json")
    assert done.code == 0, done.err
    assert done.document["metrics"] == [
        {"round": 1, "accuracy": "0.75"},
        {"round": 2, "accuracy": "0.75"},
    ]
    assert "0.7500" in study(run, "run").out


def test_the_log_is_printed_and_survives_half_a_line(
    run: Run, desks: Desks, tmp_path: Path
) -> None:
    approved(run, desks)
    empty = run("study", "log", "study.toml")
    assert (empty.code, empty.out) == (0, "Nothing has happened yet.\n")
    assert study(run, "run").code == 0
    told = run("study", "log", "--folder", "readmission.run", "--json").document["lines"]
    assert [one["part"] for one in told if one["site"] is None] == ["announce", "open"] * 2
    with (tmp_path / "readmission.run" / "log.jsonl").open("a") as file:
        file.write('{"at":"2026-')
    assert len(run("study", "log", "study.toml", "--json").document["lines"]) == len(told)
    table = run("study", "log", "study.toml").out.splitlines()
    assert len(table) == 1 + len(told)
    assert run("study", "log").code == 2
    assert run("study", "log", "study.toml", "--follow", "--json").code == 2


def test_what_follows_is_printed_until_it_is_interrupted(
    run: Run, desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved(run, desks)
    assert study(run, "run").code == 0
    found = wiring_study.find_log(Path("study.toml"), None)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise KeyboardInterrupt
        found.add(found.lines()[0])

    monkeypatch.setattr("securefed.cli.study_log.time.sleep", sleep)
    followed = run("study", "log", "study.toml", "--follow")
    assert followed.code == ExitCode.INTERRUPTED
    assert len(followed.out.splitlines()) == 1 + len(found.lines())


def test_a_model_is_exported_with_its_loss(run: Run, desks: Desks, tmp_path: Path) -> None:
    approved(run, desks)
    early = run("study", "export", "study.toml", "--out", "model")
    assert (early.code, "error[not-in-this-state]" in early.err) == (2, True)
    assert study(run, "run").code == 0
    assert run("study", "export", "study.toml", "--out", "model", "--delta", "1e-6").code == 0
    card = (tmp_path / "model" / "model.md").read_text()
    assert card.count("all that was approved: ε = ") == 3
    assert "at δ = 1e-6" in card
    again = run("study", "export", "study.toml", "--out", "model")
    assert (again.code, "error[already-exists]" in again.err) == (2, True)


def test_a_study_that_changed_after_it_was_filed_does_not_run(run: Run, desks: Desks) -> None:
    made = approved(run, desks)
    made.write(rounds=3)
    for verb in ("run", "status"):
        refused = study(run, verb)
        assert (refused.code, "has changed since it was filed" in refused.err) == (2, True)
    assert study(run, "submit").code == 0
    made.write(rounds=2)
    assert study(run, "submit", "--folder", "other.run").code == 0


def test_a_study_with_rounds_is_not_filed_in_other_words(run: Run, desks: Desks) -> None:
    made = approved(run, desks)
    assert study(run, "run").code == 0
    made.write(rounds=3)
    refused = study(run, "submit")
    assert (refused.code, "changed since its rounds began" in refused.err) == (2, True)


def test_asking_anew_makes_another_request(run: Run, desks: Desks) -> None:
    made = desks()
    first = study(run, "submit", "--json").document["requests"][0]["request"]
    office = made.sites["hospital-a"].office
    office.party.deny(first, made.world.acting(reason="Too many rounds"))
    denied = study(run, "submit", "--json").document["requests"][0]
    assert (denied["request"], denied["state"]) == (first, "denied")
    refused = study(run, "run")
    assert (refused.code, "is denied" in refused.err) == (5, True)


def test_another_account_does_not_act_for_the_one_that_filed(run: Run, desks: Desks) -> None:
    approved(run, desks)
    others = ("--federation", "federation.toml", "--as", "dimitri", "--key", "dana.key")
    refused = run("study", "run", "study.toml", *others)
    assert (refused.code, "was filed by dana" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("fed-avgm", "There is no server rule 'fed-avgm'"),
        ("fed-avg:rate=1,beta=2", "Write fed-avg:rate=NUMBER"),
        ("fed-avg:rate=1,rate=2", "stands twice"),
        ("fed-avg:rate=fast", "'fast' is not a number"),
        ("fed-avg:rate=-1", "rate"),
    ],
)
def test_a_server_rule_that_is_none(run: Run, desks: Desks, rule: str, said: str) -> None:
    approved(run, desks)
    refused = study(run, "run", "--server-rule", rule)
    assert (refused.code, said in refused.err) == (2, True), refused.err


def test_a_run_keeps_its_server_rule(run: Run, desks: Desks, tmp_path: Path) -> None:
    made = approved(run, desks)
    for name in SITES[1:]:
        made.sites[name].away = True
    away = study(run, "run", "--server-rule", "fed-avg:rate=0.5")
    assert (away.code, "error[site-unreachable]" in away.err) == (7, True)
    for name in SITES[1:]:
        made.sites[name].away = False
    other = study(run, "run", "--server-rule", "fed-avg:rate=1")
    assert (other.code, "began with the server rule fed-avg" in other.err) == (2, True)
    assert study(run, "run").code == 0
    weights = load_file(tmp_path / "readmission.run" / "model" / "model.safetensors")
    assert weights["bias"] == pytest.approx([0.1])


@pytest.mark.parametrize("minutes", ["0", "-1", "soon", "inf", "1e9"])
def test_no_time_for_a_round(run: Run, desks: Desks, minutes: str) -> None:
    approved(run, desks)
    assert study(run, "run", "--deadline", minutes).code == 2


def test_a_site_that_the_federation_lacks_is_named(run: Run, desks: Desks, tmp_path: Path) -> None:
    desks()
    text = (tmp_path / "federation.toml").read_text()
    (tmp_path / "federation.toml").write_text(text.replace("hospital-b", "hospital-z"))
    filed = study(run, "submit", "--json")
    assert filed.code == ExitCode.UNREACHABLE
    [error] = [one["error"] for one in filed.document["requests"] if one["error"]]
    assert "no site hospital-b" in error["what"]


def test_the_folder_is_the_accounts_alone(run: Run, desks: Desks, tmp_path: Path) -> None:
    approved(run, desks)
    assert study(run, "run").code == 0
    root = tmp_path / "readmission.run"
    assert root.stat().st_mode & 0o077 == 0
    assert (root / "log.jsonl").stat().st_mode & 0o077 == 0
    assert list((root / "passing").iterdir()) == []
    kept = [one.name for one in (root / "rounds").rglob("*") if one.is_file()]
    assert not [name for name in kept if name.endswith(".update")]
    assert json.loads((root / "run.json").read_text())["server"]["rule"]["kind"] == "fed-avg"
