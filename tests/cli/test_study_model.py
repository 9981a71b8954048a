"""What comes of a study's run: its metrics, its log, its model."""

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from securefed.errors import ExitCode
from securefed.wiring import study as wiring_study
from tests.cli.conftest import Desks, Run
from tests.cli.studies import approved, study
from tests.study_desks import NOISY, SITES, adding

pytestmark = pytest.mark.slow


def test_metrics_are_the_means_of_what_sites_released(run: Run, desks: Desks) -> None:
    made = approved(run, desks, rounds=2, metrics=NOISY)
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
    approved(run, desks, rounds=2)
    empty = run("study", "log", "study.toml")
    assert (empty.code, empty.out) == (0, "Nothing has happened yet.\n")
    assert study(run, "run").code == 0
    told = run("study", "log", "--folder", "readmission.run", "--json").document["lines"]
    parts = [one["part"] for one in told if one["site"] is None]
    # Checkpoints of the first round are exchanged beside the second one.
    assert [one for one in parts if one != "vouch"] == ["announce", "add", "step", "done"] * 2
    assert parts.count("vouch") == 2
    with (tmp_path / "readmission.run" / "log.jsonl").open("a") as file:
        file.write('{"at":"2026-')
    assert len(run("study", "log", "study.toml", "--json").document["lines"]) == len(told)
    lines, seconds, moved = run("study", "log", "study.toml").out.split("\n\n")
    assert len(lines.splitlines()) == 1 + len(told)
    assert [one.split()[0] for one in seconds.splitlines()] == ["round", "1", "2"]
    assert seconds.splitlines()[0].split()[-3:] == ["step", "vouch", "seconds"]
    assert moved.splitlines()[0].split() == ["round", "send,", "bytes", "fetch-update,", "bytes"]
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


def test_the_studys_server_rule_moves_the_model(run: Run, desks: Desks, tmp_path: Path) -> None:
    approved(run, desks, combining="[combining]\nrate = 0.5")
    assert study(run, "run").code == 0
    weights = load_file(tmp_path / "readmission.run" / "model" / "model.safetensors")
    assert weights["bias"] == pytest.approx([0.05])


def test_only_the_sites_of_a_round_are_asked(run: Run, desks: Desks) -> None:
    made = approved(run, desks, rounds=2, combining="[combining]\nsites_per_round = 2")
    done = study(run, "run", "--json")
    assert done.code == 0, done.err
    assert sum(one["rounds"] for one in done.document["sites"]) == 4
    assert sum(made.charged(name) for name in SITES) == 4 * 16


def test_a_study_ends_early_by_what_sites_released(run: Run, desks: Desks) -> None:
    stop = '[combining.stop]\nmetric = "accuracy"\npatience = 1\nwindow = 1\n'
    made = approved(run, desks, rounds=4, metrics=NOISY, combining=stop)
    for site in made.sites.values():
        site.office.play = adding(0, 0, 0, 0, accuracy="0.7")
    for _ in range(2):
        done = study(run, "run", "--json")
        assert done.code == 0, done.err
        assert done.document["rounds"] < 4
    told = study(run, "status")
    assert "judge" in told.out
    assert "securefed study export" in told.err


def test_the_folder_is_the_accounts_alone(run: Run, desks: Desks, tmp_path: Path) -> None:
    approved(run, desks)
    assert study(run, "run").code == 0
    root = tmp_path / "readmission.run"
    assert root.stat().st_mode & 0o077 == 0
    assert (root / "log.jsonl").stat().st_mode & 0o077 == 0
    assert list((root / "passing").iterdir()) == []
    kept = [one.name for one in (root / "rounds").rglob("*") if one.is_file()]
    assert not [name for name in kept if name.endswith(".update")]
    assert json.loads((root / "run.json").read_text())["kind"] == "study-run"
