"""A study that goes on from the model of another one: begun, told, and exported."""

import json
import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from securefed.domain.exported import Share
from securefed.domain.identifiers import DatasetId, SiteId
from securefed.domain.privacy import DpSgd
from securefed.domain.sheet import plan_sheet
from securefed.wiring import run as wiring_run
from tests.cli.conftest import Desks, Run
from tests.cli.studies import study
from tests.recipes.exports import exported
from tests.study_desks import SITES, StudyDesks

pytestmark = pytest.mark.slow

GIVEN = {"target": "readmitted", "numeric": "age:65:15, systolic:130:20, creatinine:1:0.5"}
# The real ones: a test of where a study begins is not helped by others.
FIRST_VALUES = wiring_run.first_values
# What the first of the sites gave to the earlier study, of the same data.
EARLIER = (
    Share(
        site=SiteId("hospital-a"),
        dataset=DatasetId("admissions"),
        mechanisms=(DpSgd.full_batch(Decimal(4)),),
    ),
)
ASSETS = ("--assets", "assets")


@pytest.fixture
def started(desks: Desks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyDesks:
    """Sites, and a study that begins with the model of an earlier one."""
    made = desks()
    monkeypatch.setattr(wiring_run, "first_values", FIRST_VALUES)
    digest, _ = exported(tmp_path / "assets" / "earlier", "tabular", GIVEN, shares=EARLIER)
    begin_with(tmp_path / "study.toml", digest)
    return made


def begin_with(file: Path, digest: str) -> None:
    text = file.read_text()
    lines = f'[recipe.parameters]\nstart = "earlier"\nstart_sha256 = "{digest}"\n'
    file.write_text(text.replace("[recipe.parameters]\n", lines))


def weights(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "model.safetensors")


def test_a_study_goes_on_from_another_ones_model(
    run: Run, started: StudyDesks, tmp_path: Path
) -> None:
    assert study(run, "submit").code == 0
    started.approve()
    done = study(run, "run", *ASSETS, "--delta", "1e-6", "--json")
    assert done.code == 0, done.err
    before, after = (
        weights(tmp_path / "assets" / "earlier"),
        weights(tmp_path / "readmission.run/model"),
    )
    assert after["bias"] == pytest.approx(before["bias"] + 0.1)
    assert after["weight"][0] == pytest.approx(before["weight"][0] + [0.2, 0.3, 0.4])
    card = (tmp_path / "readmission.run" / "model" / "model.md").read_text()
    assert "- began with: the model of earlier" in card
    assert "### An earlier study" in card
    assert "hospital-a, admissions: all that was approved: ε = " in card
    assert card.count("with the studies before, all that was approved: ε = ") == 1
    epsilons = [Decimal(one) for one in re.findall(r"approved: ε = ([0-9.]+) at", card)]
    alone, together, *_, earlier = epsilons
    assert max(alone, earlier) < together < alone + earlier
    record = json.loads((tmp_path / "readmission.run" / "model" / "model.json").read_text())
    assert [one["study"] for one in record["history"]] == ["earlier", "readmission"]
    assert [one["site"] for one in record["history"][1]["shares"]] == list(SITES)


def test_a_reviewer_reads_what_it_begins_with(run: Run, started: StudyDesks) -> None:
    assert study(run, "submit").code == 0
    office = started.sites["hospital-a"].office
    [request] = office.ledger.register().requests
    [code] = [row.lines for row in plan_sheet(office.party.plan(request)) if row.label == "Code"]
    [line] = [one for one in code if one.startswith("begins with")]
    assert "the exported model earlier, sha256:" in line


def test_a_coordinator_without_the_model_asks_nobody(run: Run, started: StudyDesks) -> None:
    assert study(run, "submit").code == 0
    started.approve()
    refused = study(run, "run")
    assert (refused.code, "error[model-unusable]" in refused.err) == (2, True)
    assert [started.charged(name) for name in SITES] == [0] * 3


def test_a_coordinator_with_another_model_asks_nobody(
    run: Run, started: StudyDesks, tmp_path: Path
) -> None:
    assert study(run, "submit").code == 0
    started.approve()
    exported(tmp_path / "assets" / "earlier", "tabular", GIVEN, seed=2)
    refused = study(run, "run", *ASSETS)
    assert (refused.code, "error[asset-mismatch]" in refused.err) == (6, True)
    assert [started.charged(name) for name in SITES] == [0] * 3


def test_what_a_model_began_with_belongs_to_its_export(
    run: Run, started: StudyDesks, tmp_path: Path
) -> None:
    assert study(run, "submit").code == 0
    started.approve()
    assert study(run, "run", *ASSETS).code == 0
    refused = run("study", "export", "study.toml", "--out", "model")
    assert (refused.code, "a part of its own" in refused.err) == (2, True)
    assert not (tmp_path / "model").exists()
    done = run("study", "export", "study.toml", "--out", "assets/next", *ASSETS)
    assert done.code == 0, done.err
    assert "securefed model digest assets/next" in done.err
    told = run("model", "digest", "assets/next")
    assert 'write start = "next" and start_sha256 = ' in told.err


def test_a_model_is_exported_for_other_programs(
    run: Run, started: StudyDesks, tmp_path: Path
) -> None:
    assert study(run, "submit").code == 0
    started.approve()
    assert study(run, "run", *ASSETS).code == 0
    written = ("--out", "model", *ASSETS, "--format")
    refused = run("study", "export", "study.toml", *written, "transformers")
    assert (refused.code, "no place for a model of the family" in refused.err) == (2, True)
    assert not list(tmp_path.glob("model*"))
    done = run("study", "export", "study.toml", *written, "torchscript", "--json")
    assert (done.code, done.document["format"]) == (0, "torchscript"), done.err
    assert sorted(one.name for one in (tmp_path / "model").iterdir()) == [
        *("model.json", "model.md", "model.ts")
    ]
