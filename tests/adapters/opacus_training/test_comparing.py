"""What a study is compared with, against the same in plain numpy."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from securefed.adapters.opacus_training.comparing import (
    majority,
    metrics_of,
    trained_alone,
    trained_together,
)
from securefed.config import load_card, load_study
from securefed.domain.identifiers import SiteId
from securefed.domain.weighting import CappedUnits, EqualWeights, Weighting
from securefed.recipes.files.opening import open_source
from securefed.recipes.files.source import RecordSource
from securefed.recipes.registry import recipe_for
from tests.site.place import ROOT

pytestmark = pytest.mark.slow

STUDY = """
title = "Two sites"
name = "two"
purpose = "trying"
[recipe]
name = "tabular"
version = "1.0.0"
[recipe.parameters]
target = "ill"
numeric = ["dose:0:1"]
learning_rate = 0.5
average = true
[model]
family = "logistic"
parameters = 2
[rounds]
count = 2
minimum_sites = 2
[privacy]
noise_multiplier = 0.5
sampling_rate = 1.0
steps = 3
clip = 1.0
[sealing]
suite = "none"
update_bound = 1.0
[sites.a]
dataset = "doses"
[sites.b]
dataset = "doses"
"""
DOSES = {"a": [-2.0, -1.0, 0.5, 1.5], "b": [-0.5, 0.25, 2.0]}


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[dict[SiteId, RecordSource]]:
    (tmp_path / "study.toml").write_text(STUDY)
    card = (ROOT / "sites/hospital-a/dataset.toml").read_text().split("[unit]")[0]
    card = card.replace("mock.csv", "NAME.csv").replace("admissions", "doses")
    columns = '[unit]\nbound = 1\n[[columns]]\nname = "dose"\ntype = "decimal"\nmeaning = "Dose"\n'
    columns += '[[columns]]\nname = "ill"\ntype = "boolean"\nmeaning = "Ill"\n'
    opened: dict[SiteId, RecordSource] = {}
    for name, doses in DOSES.items():
        rows = "".join(f"{dose},{str(dose > 0).lower()}\n" for dose in doses)
        (tmp_path / f"{name}.csv").write_text("dose,ill\n" + rows)
        (tmp_path / f"{name}.toml").write_text(card.replace("NAME", name) + columns)
        draft = load_card(tmp_path / f"{name}.toml")
        opened[SiteId(name)] = open_source(draft.data, draft.columns, draft.unit)
    yield opened
    for one in opened.values():
        one.close()


def plainly(shares: Sequence[float]) -> NDArray[np.float64]:
    """Weight and bias after two rounds of three full steps at each site, whose means are taken."""
    weights = np.zeros(2)
    for _ in range(2):
        ends = []
        for doses in DOSES.values():
            inputs = np.stack([doses, np.ones(len(doses))], axis=1)
            answers = inputs[:, 0] > 0
            own, passed = weights.copy(), []
            for _ in range(3):
                chance = 1 / (1 + np.exp(-inputs @ own))
                own = own - 0.5 * ((chance - answers) @ inputs) / len(doses)
                passed.append(own)
            ends.append(np.mean(passed, axis=0))
        weights = np.average(ends, axis=0, weights=shares)
    return weights


@pytest.mark.parametrize(
    ("weighting", "shares"), [(EqualWeights(), (1, 1)), (CappedUnits(cap=100), (4, 3))]
)
def test_without_noise_it_is_plain_averaging(
    weighting: Weighting,
    shares: Sequence[float],
    tmp_path: Path,
    sources: dict[SiteId, RecordSource],
) -> None:
    study = load_study(tmp_path / "study.toml")
    study = replace(study, sealing=replace(study.sealing, weighting=weighting))
    recipe = recipe_for(study.recipe, None, None)
    weights = trained_together(recipe, study, sources, noise=False).weights
    found = [float(one) for name in ("weight", "bias") for one in weights[name].flatten()]
    assert found == pytest.approx(plainly(shares), rel=1e-4)
    part = study.participants[0]
    figures = metrics_of(recipe, part, sources[part.site], weights)
    assert figures["accuracy"] == pytest.approx(1, abs=0.26)
    assert majority(sources[SiteId("b")], "ill") == 2 / 3


def test_noise_is_the_studys(tmp_path: Path, sources: dict[SiteId, RecordSource]) -> None:
    study = load_study(tmp_path / "study.toml")
    recipe, part = recipe_for(study.recipe, None, None), study.participants[0]
    assert part.training.noise_multiplier == Decimal("0.5")
    alone = [trained_alone(recipe, part, sources[part.site], 2).weights for _ in range(2)]
    assert not alone[0]["bias"].equal(alone[1]["bias"])
    joint = [trained_together(recipe, study, sources, noise=True).weights for _ in range(2)]
    assert not joint[0]["bias"].equal(joint[1]["bias"])
