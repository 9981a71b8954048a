from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Run

pytestmark = pytest.mark.slow

STUDY = str(ROOT / "sites/study.toml")
DATA = ("--data", str(ROOT / "sites/hospital-a/dataset.toml"))


def test_a_study_is_trained_on_a_mock(run: Run) -> None:
    ran = run("study", "try", STUDY, *DATA, "--site", "hospital-b", "--json")
    assert ran.code == 0, ran.err
    said = ran.document
    assert (said["site"], said["rounds"], said["steps"]) == ("hospital-b", 5, 12)
    assert said["self_test"]["engine"] == "book-keeping"
    assert float(said["self_test"]["largest_contribution"]) <= 1.0001
    assert float(said["after"]["auc"]) > float(said["before"]["auc"])
    assert set(said["released"]) == set(said["after"])
    assert "Training as hospital-b: 60 of 60" in ran.err


def test_the_text_says_that_the_figures_are_those_of_a_mock(run: Run) -> None:
    ran = run("study", "try", STUDY, *DATA)
    assert ran.code == 0, ran.err
    assert "on made-up records" in ran.out
    assert "balanced_accuracy" in ran.out
    assert f"Next: securefed study plan {STUDY}" in ran.err


def test_a_site_that_the_study_does_not_have(run: Run) -> None:
    ran = run("study", "try", STUDY, *DATA, "--site", "hospital-z")
    assert ran.code == 2
    assert "hospital-a, hospital-b, hospital-c" in ran.err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"tabular"', '"tabulary"', "There is no recipe"),
        ("learning_rate", "learning_rat", "learning_rat"),
        ("parameters = 10", "parameters = 11", "parameters = 10"),
        ("age:65:15", "weight:65:15", "'weight'"),
        ("sex:female|male|*", "age:female|male", "twice"),
    ],
)
def test_what_is_wrong_is_named(run: Run, tmp_path: Path, old: str, new: str, said: str) -> None:
    text = Path(STUDY).read_text()
    assert old in text
    (tmp_path / "study.toml").write_text(text.replace(old, new))
    ran = run("study", "try", "study.toml", *DATA)
    assert ran.code == 2
    assert said in ran.err


def test_own_code_runs(run: Run, tmp_path: Path) -> None:
    text = Path(STUDY).read_text()
    recipe, model = text.index("[recipe]"), text.index("[model]")
    own = (
        '[recipe]\nname = "own-code"\nversion = "1.0.0"\nown_code = "my_model.py"\n'
        '[recipe.parameters]\ncolumns = ["age", "systolic", "emergency", "readmitted"]\n\n'
    )
    changed = text[:recipe] + own + text[model:]
    changed = changed.replace('"logistic"', '"own-code"').replace("= 10 ", "= 45 ")
    changed = changed.replace("numbers = 24 ", "numbers = 2 ")
    (tmp_path / "study.toml").write_text(changed)
    (tmp_path / "my_model.py").write_bytes((ROOT / "docs/my_model.py").read_bytes())
    ran = run("study", "try", "study.toml", *DATA)
    assert ran.code == 0, ran.err
    assert "accuracy" in ran.out


def test_a_models_folder_has_a_digest(run: Run, tmp_path: Path) -> None:
    (tmp_path / "minilm").mkdir()
    (tmp_path / "minilm" / "config.json").write_text("{}")
    (tmp_path / "minilm" / "model.safetensors").write_bytes(b"weights")
    ran = run("model", "digest", "minilm", "--json")
    assert ran.code == 0, ran.err
    assert ran.document["digest"].startswith("sha256:")
    (tmp_path / "minilm" / "pytorch_model.bin").write_bytes(b"pickle")
    assert run("model", "digest", "minilm").code == 2


def test_a_hub_that_is_not_there(run: Run) -> None:
    ran = run(
        *("model", "fetch", "somebody/model", "--revision", "0" * 40),
        *("--out", "model", "--hub", "http://127.0.0.1:9"),
    )
    assert ran.code == 7
    assert "error[hub-unreachable]" in ran.err


def test_a_dataset_without_a_mock_is_tried_on_the_one_that_a_site_would_make_up(
    run: Run, tmp_path: Path
) -> None:
    text = (ROOT / "sites/hospital-a/dataset.toml").read_text()
    (tmp_path / "dataset.toml").write_text(text.replace('mock = "mock.csv"\n', ""))
    ran = run("study", "try", STUDY, "--data", "dataset.toml", "--json")
    assert ran.code == 0, ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.toml"]
