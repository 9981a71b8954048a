"""Several models predict by the mean of what they say, and only models of one task do."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from securefed.adapters.opacus_training.predicting import metrics_of, predictions_of
from securefed.domain.identifiers import Line
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType
from securefed.errors import ModelUnusable
from securefed.recipes.built import Built, built
from securefed.recipes.ensemble import Ensemble
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.meaning import ClassScores, Meaning, Number, Odds, SideBySide, meaning_of
from securefed.recipes.records import Records
from securefed.recipes.registry import recipe_for
from tests.recipes.exports import TABLE, trained
from tests.recipes.stated import own_recipe, stated

pytestmark = pytest.mark.slow

CLASSES = ("low", "middle", "high")
BY_RECORD = PrivacyUnit(column=None, bound=1)
SUMS = SideBySide(
    parts=((("a"), Odds(classes=("no", "yes"))), ("b", ClassScores(classes=CLASSES))),
    widths=(1, 3),
)


def learnt(seed: int, name: str = "tabular", **given: str) -> Built:
    statement = stated(name, {**(TABLE if name == "tabular" else {}), **given})
    weights = trained(recipe_for(statement, None, None), seed, scale=2.0)
    return built(statement, weights, None, None)


def source_of(records: Records, unit: PrivacyUnit = BY_RECORD) -> MemorySource:
    kinds = {str: ColumnType.CATEGORY, float: ColumnType.DECIMAL, int: ColumnType.INTEGER}
    columns = tuple(
        Column(
            name=Line(name),
            type=kinds[type(next(cell for cell in cells if cell is not None))],
            meaning=Line("Made up"),
        )
        for name, cells in records.columns.items()
    )
    return MemorySource(records, columns, unit)


def said(one: Built, records: Records) -> Tensor:
    """By hand: the mean is taken of these."""
    inputs = one.recipe.collate(records)["inputs"]
    return one.model(inputs).sigmoid().detach()


@pytest.mark.parametrize(
    ("meaning", "width"),
    [
        (Odds(classes=("no", "yes")), 1),
        (ClassScores(classes=CLASSES), 3),
        (Number(name="stay", middle=5.0, step=5.0), 1),
        (SUMS, 4),
    ],
)
def test_what_is_said_says_the_same_outputs(meaning: Meaning, width: int) -> None:
    outputs = torch.randn(6, width, generator=torch.Generator().manual_seed(0))
    told = meaning.said(outputs)
    assert len(meaning.names) in (width, 1, 4)
    assert torch.allclose(meaning.said(meaning.outputs(told)), told, atol=1e-5)


def test_certainty_stays_finite() -> None:
    for meaning in (Odds(classes=("no", "yes")), ClassScores(classes=("no", "yes"))):
        assert meaning.outputs(torch.tensor([[1.0, 0.0]])).isfinite().all()
        high = torch.tensor([[20.0]])
        assert meaning.outputs(meaning.said(high)).isfinite().all()
    odds = Odds(classes=("no", "yes"))
    assert float(odds.outputs(odds.said(high))) == pytest.approx(20, abs=1e-3)


def test_models_predict_the_mean_of_their_chances(tmp_path: Path) -> None:
    """Models of different layers read the same table."""
    one, other = learnt(1), learnt(2, model="logistic")
    records = one.recipe.mock(40, 3, tmp_path)
    mean = (said(one, records) + said(other, records)) / 2
    found = predictions_of(Ensemble([one, other]), source_of(records))
    assert [row.record for row in found] == list(range(1, 41))
    assert [row.values[0] for row in found] == pytest.approx(mean.squeeze(1).tolist(), abs=1e-5)
    right = np.array([cell == "true" for cell in records.columns["ill"]])
    accuracy = metrics_of(Ensemble([one, other]), source_of(records))["accuracy"]
    assert accuracy == pytest.approx(((mean.squeeze(1).numpy() > 0.5) == right).mean(), abs=1e-6)


def test_one_model_is_an_ensemble_of_itself(tmp_path: Path) -> None:
    one = learnt(1)
    records = one.recipe.mock(30, 3, tmp_path)
    alone = metrics_of(Ensemble([one]), source_of(records))
    assert alone == metrics_of(Ensemble([one, learnt(1)]), source_of(records))
    assert set(alone) >= {"accuracy", "balanced_accuracy", "auc"}


def test_every_unit_counts_once_and_every_record_is_predicted(tmp_path: Path) -> None:
    one = learnt(1)
    records = one.recipe.mock(6, 3, tmp_path)
    columns = {**records.columns, "who": [1, 2, 1, 1, 3, 2]}
    source = source_of(
        Records(columns=columns, folder=tmp_path), PrivacyUnit(column="who", bound=9)
    )
    found = predictions_of(Ensemble([one]), source)
    assert [row.values[0] for row in found] == pytest.approx(
        said(one, records).squeeze(1).tolist(), abs=1e-5
    )


def test_models_of_texts_and_of_ratings_agree_too(tmp_path: Path) -> None:
    """Any number of calls that a recipe makes of its model, and texts of any length."""
    texts = Ensemble([learnt(1, "text"), learnt(2, "text", pooling="mean", train="head")])
    records = texts.mock(8, 0, tmp_path)
    assert {len(row.values) for row in predictions_of(texts, source_of(records))} == {2}
    given = {"items": "120", "users": "records"}
    ratings = Ensemble([learnt(one, "recommender", **given) for one in (1, 2)])
    source = source_of(ratings.mock(30, 0, tmp_path))
    assert metrics_of(ratings, source)["rmse"] > 0
    sentences = Ensemble([learnt(1, "language-model"), learnt(2, "language-model")])
    source = source_of(sentences.mock(4, 0, tmp_path))
    assert metrics_of(sentences, source)["perplexity"] > 1
    with pytest.raises(ModelUnusable, match="more than a row"):
        predictions_of(sentences, source)


@pytest.mark.parametrize(
    "other",
    [
        {"classes": "true, false"},
        {"task": "multi-class", "classes": "false, true, both"},
        {"task": "regression"},
    ],
)
def test_models_of_other_tasks_are_not_averaged(other: dict[str, str]) -> None:
    with pytest.raises(ModelUnusable, match="Model 1 and model 2 do not predict the same"):
        Ensemble([learnt(1), learnt(2, **other)])


def test_a_model_that_is_not_whole_predicts_nothing() -> None:
    with pytest.raises(ModelUnusable, match="never left the sites"):
        Ensemble([learnt(1, "recommender", items="5", user_rows="3")])


def test_code_of_ones_own_is_evaluated_alone(tmp_path: Path) -> None:
    code = b"""
import torch
def model(): return torch.nn.Linear(1, 1)
def collate(records): return {"x": torch.tensor(list(records.columns["x"])).float()[:, None]}
def losses(model, batch): return model(batch["x"]).squeeze(1).square()
def mock(records, seed): return {"x": [float(i) for i in range(records)]}
"""
    recipe = own_recipe(code, columns="x")
    one = Built(recipe=recipe, model=recipe.model(), weights={})
    source = source_of(recipe.mock(5, 0, tmp_path))
    assert metrics_of(Ensemble([one]), source)["loss"] > 0
    with pytest.raises(ModelUnusable, match="does not say what"):
        meaning_of(recipe)
    with pytest.raises(ModelUnusable, match="does not say what"):
        Ensemble([one, one])
