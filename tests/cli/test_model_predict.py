"""`securefed model predict` and `ensemble`, on a small table of one's own."""

import csv
import json
from pathlib import Path

import pytest

from securefed.domain.exported import Format
from securefed.recipes.records import Records
from securefed.recipes.registry import recipe_for
from tests.cli.conftest import Run
from tests.recipes.exports import TABLE, export, exported, trained
from tests.recipes.stated import stated

pytestmark = pytest.mark.slow

CARD = """\
dataset = "own"
title = "Own records"
origin = "Made up"
licence = "CC0-1.0"
purposes = ["research"]
data = "own.csv"
adjacency = "add-remove"
[unit]
bound = 1
[[columns]]
name = "age"
type = "decimal"
meaning = "Age"
[[columns]]
name = "dose"
type = "decimal"
meaning = "Dose"
[[columns]]
name = "ill"
type = "boolean"
meaning = "Ill"
"""
DATA = ("--data", "dataset.toml")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Two models and a table in the working folder."""
    recipe = recipe_for(stated("tabular", TABLE), None, None)
    records: Records = recipe.mock(20, 5, tmp_path)
    with (tmp_path / "own.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(records.columns)
        writer.writerows(zip(*records.columns.values(), strict=True))
    (tmp_path / "dataset.toml").write_text(CARD)
    exported(tmp_path / "one", "tabular", TABLE, seed=1)
    exported(tmp_path / "two", "tabular", TABLE, seed=2)
    return tmp_path


def test_a_model_predicts_records_of_ones_own(run: Run, models: Path) -> None:
    done = run("model", "predict", "one", *DATA, "--out", "said.csv", "--json")
    assert done.code == 0, done.err
    assert set(done.document["metrics"]) >= {"accuracy", "balanced_accuracy", "auc"}
    rows = list(csv.reader((models / "said.csv").read_text().splitlines()))
    assert (rows[0], len(rows)) == (["record", "true"], 21)
    assert all(0 <= float(chance) <= 1 for _, chance in rows[1:])
    again = run("model", "predict", "one", *DATA, "--out", "said.csv")
    assert (again.code, "error[already-exists]" in again.err) == (2, True)
    assert "These figures have no noise" in run("model", "predict", "one", *DATA).out


def test_several_models_are_kept_and_asked_together(run: Run, models: Path) -> None:
    done = run("model", "ensemble", "one", "two", *DATA, "--out", "both", "--json")
    assert done.code == 0, done.err
    assert list(done.document["metrics"]) == ["one", "two", "together"]
    asked = run("model", "predict", "both", *DATA, "--json")
    assert asked.document["metrics"] == done.document["metrics"]["together"]
    for wrong in (("one", "two", "--out", "both"), ("one", "one", "--out", "same"), ("one", "two")):
        assert run("model", "ensemble", *wrong).code == 2
    assert sorted(one.name for one in models.iterdir() if one.is_dir()) == ["both", "one", "two"]


def test_a_member_that_was_changed_is_found(run: Run, models: Path) -> None:
    assert run("model", "ensemble", "one", "two", "--out", "both").code == 0
    exported(models / "both" / "2", "tabular", TABLE, seed=3)
    changed = run("model", "predict", "both", *DATA)
    assert (changed.code, "error[asset-mismatch]" in changed.err) == (6, True)


@pytest.mark.parametrize("folder", ["..", "../one", "/etc", "3"])
def test_an_ensembles_members_lie_in_its_folder(run: Run, models: Path, folder: str) -> None:
    assert run("model", "ensemble", "one", "two", "--out", "both").code == 0
    path = models / "both" / "ensemble.json"
    stated = json.loads(path.read_text())
    stated["members"][0]["folder"] = folder
    path.write_text(json.dumps(stated, separators=(",", ":"), sort_keys=True))
    refused = run("model", "predict", "both", *DATA)
    assert (refused.code, "error[model-unusable]" in refused.err) == (2, True), refused.err


def test_a_list_that_is_none_is_refused(run: Run, models: Path) -> None:
    (models / "one" / "ensemble.json").write_text("[]")
    refused = run("model", "predict", "one", *DATA)
    assert (refused.code, "Not a list of models" in refused.err) == (2, True)


def test_a_pickle_beside_a_model_is_refused(run: Run, models: Path) -> None:
    (models / "one" / "weights.pt").write_bytes(b"\x80\x04.")
    assert run("model", "predict", "one", *DATA).code == 2


def test_a_model_in_another_form_is_told_apart(run: Run, models: Path) -> None:
    statement = stated("tabular", TABLE)
    weights = trained(recipe_for(statement, None, None))
    export(models / "other", statement, weights, Format.TRANSFORMERS)
    refused = run("model", "predict", "other", *DATA)
    assert (refused.code, "--format safetensors" in refused.err) == (2, True)
