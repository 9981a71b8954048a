"""`--set`, `study search | trials | compare`: settings, and what trying them costs."""

from decimal import Decimal
from pathlib import Path

import pytest

from securefed.config import load_study
from tests.cli.conftest import AT, ROOT, Desks, Run
from tests.cli.studies import study
from tests.study_desks import NOISY, SITES, adding

pytestmark = pytest.mark.slow

STUDY = str(ROOT / "sites/study.toml")
DATA = ("--data", str(ROOT / "sites/hospital-a/dataset.toml"))
SHORT = ("--set", "rounds.count=1", "--set", "privacy.steps=2")
RATES = ("--grid", "recipe.learning_rate=0.1,2")


def test_what_is_set_for_a_call_shows_in_the_plan(run: Run) -> None:
    ran = run("study", "plan", STUDY, "--set", "privacy.noise_multiplier=8")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("Set for this call: privacy.noise_multiplier = 8\n")
    assert f"study write {STUDY} --set privacy.noise_multiplier=8 --out NEW.toml" in ran.err
    [said] = run("study", "plan", STUDY, *SHORT[:2], "--json").document["set"]
    assert said == {"key": "rounds.count", "value": "1"}


def test_a_sites_own_plan_is_that_of_the_changed_study(ready: Run) -> None:
    who = ("--as", "dana", "--key", "dana.key")
    changed = ready("study", "plan", STUDY, *AT, *who, "--set", "rounds.count=2", "--json")
    [plan] = changed.document["plans"]
    assert plan["plan"]["request"]["study"]["rounds"] == 2
    assert (
        "Set for this call: rounds.count = 2"
        in ready("study", "plan", STUDY, *AT, *who, "--set", "rounds.count=2").out
    )


def test_what_is_set_for_a_call_is_tried(run: Run) -> None:
    ran = run("study", "try", STUDY, *DATA, *SHORT, "--json")
    assert ran.code == 0, ran.err
    assert (ran.document["rounds"], ran.document["steps"]) == (1, 2)
    assert [one["key"] for one in ran.document["set"]] == ["rounds.count", "privacy.steps"]
    refused = run("study", "try", STUDY, *DATA, "--set", "privacy.stebs=2")
    assert (refused.code, "did you mean 'steps'" in refused.err) == (2, True)


def test_a_search_ranks_its_trials_and_writes_the_best(run: Run) -> None:
    ran = run(
        *("study", "search", STUDY, *DATA, *SHORT, *RATES, "--metric", "auc"),
        *("--out", "best.toml", "--json"),
    )
    assert ran.code == 0, ran.err
    said = ran.document
    assert (said["study"], said["site"], said["aim"]) == ("readmission", "hospital-a", "higher")
    figures = [Decimal(one["figures"]["auc"]) for one in said["trials"]]
    assert figures == sorted(figures, reverse=True)
    assert {one["trial"] for one in said["trials"]} == {"readmission-t01", "readmission-t02"}
    [rate] = said["trials"][0]["settings"]
    best = load_study(Path("best.toml"))
    assert (best.study, best.rounds) == ("readmission", 1)
    assert rate["value"] in [one.value for one in best.recipe.parameters]
    # Both trials cost the same, since the rate is no matter of privacy.
    assert len({one["epsilon"] for one in said["trials"]}) == 1
    assert "Training 2 trials: 4 of 4" in ran.err


def test_a_search_says_that_a_mock_says_little(run: Run) -> None:
    ran = run(
        *("study", "search", STUDY, *DATA, *SHORT, *RATES, "--grid", "privacy.clip=0.5,1,2"),
        *("--trials", "1", "--metric", "accuracy"),
    )
    assert ran.code == 0, ran.err
    assert "1 trials at hospital-a, on made-up records; higher is better" in ran.out
    assert "Figures on a mock say little about real data" in ran.out
    assert "recipe.parameters.learning_rate  privacy.clip  accuracy" in ran.out


def test_a_figure_that_decides_is_one_that_there_is(run: Run) -> None:
    nothing = run("study", "search", STUDY, *DATA, *SHORT, *RATES)
    assert (nothing.code, "--metric" in nothing.err) == (2, True)
    unknown = run("study", "search", STUDY, *DATA, *SHORT, *RATES, "--metric", "speed")
    assert (unknown.code, "accuracy, auc, balanced_accuracy" in unknown.err) == (2, True)


def test_a_grid_that_does_not_fit_trains_nothing(run: Run) -> None:
    ran = run("study", "search", STUDY, *DATA, "--grid", "privacy.clip=1,none", "--metric", "auc")
    assert (ran.code, "Training" in ran.err) == (2, False)


def test_a_setting_without_effect_is_refused(run: Run) -> None:
    # hospital-b has its own number of steps.
    grid = ("--grid", "privacy.steps=2,4", "--metric", "auc", "--site", "hospital-b")
    ran = run("study", "search", STUDY, *DATA, *grid)
    assert (ran.code, "privacy.steps = 2, and privacy.steps = 4" in ran.err) == (2, True)
    same = run("study", "trials", STUDY, "--grid", "privacy.clip=1,1.0", "--out", "trials")
    assert (same.code, "Two trials are the same" in same.err) == (2, True)


def test_trials_are_studies_and_cost_together_what_they_would_as_one(run: Run) -> None:
    ran = run("study", "trials", STUDY, *RATES, "--out", "trials", "--json")
    assert ran.code == 0, ran.err
    first, second = (load_study(Path(one["file"])) for one in ran.document["trials"])
    assert (first.study, second.study) == ("readmission-t01", "readmission-t02")
    assert first.recipe != second.recipe
    # Ten rounds instead of five cost the same as twice five.
    twice = run("study", "plan", STUDY, "--set", "rounds.count=10", "--json").document
    together = ran.document["together"]
    assert [together[one["site"]]["epsilon"] for one in twice["sites"]] == [
        one["loss"]["epsilon"] for one in twice["sites"]
    ]
    again = run("study", "trials", STUDY, *RATES, "--out", "trials")
    assert (again.code, "already-exists" in again.err) == (2, True)


def test_every_trial_on_real_data_is_approved_and_charged_by_itself(run: Run, desks: Desks) -> None:
    made = desks(metrics=NOISY)
    ran = run("study", "trials", "study.toml", *RATES, "--out", "trials", "--json")
    assert ran.code == 0, ran.err
    none = run("study", "compare", "trials", "--metric", "accuracy")
    assert (none.code, "0 of 1" in none.out, "none has released" in none.err) == (0, True, True)
    for at, accuracy in enumerate(("0.61", "0.64"), 1):
        file = f"trials/readmission-t0{at}.toml"
        for site in made.sites.values():
            site.office.play = adding(0.1, 0.2, 0.3, 0.4, accuracy=accuracy)
        assert study(run, "submit", file=file).code == 0
        assert study(run, "run", file=file).code != 0
        made.approve()
        done = study(run, "run", file=file)
        assert done.code == 0, done.err
        assert [made.charged(name) for name in SITES] == [16 * at] * 3
    said = run("study", "compare", "trials", "--metric", "accuracy", "--json").document
    assert [one["study"] for one in said["studies"]] == ["readmission-t02", "readmission-t01"]
    assert [one["metrics"]["accuracy"] for one in said["studies"]] == ["0.64", "0.61"]
    assert said["studies"][0]["settings"] == [
        {"key": "recipe.parameters.learning_rate", "value": "2"}
    ]
    text = run("study", "compare", "trials", "--metric", "accuracy")
    assert "noise included" in text.out
    assert "securefed study export trials/readmission-t02.toml" in text.err


def test_a_folder_without_studies(run: Run, tmp_path: Path) -> None:
    ran = run("study", "compare", str(tmp_path), "--metric", "accuracy")
    assert (ran.code, "not-found" in ran.err) == (2, True)
