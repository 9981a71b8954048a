"""Several targets: a missing value teaches nothing, weights count, figures stay apart."""

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from securefed.errors import ConfigInvalid, DataUnreadable
from securefed.recipes.records import Records
from tests.recipes.stated import recipe

pytestmark = pytest.mark.slow

INPUTS = {"numeric": "age:50:10, dose:1:0.5", "boolean": "smoker"}
TARGETS = "ill:false|true, stay:0..30:0.5, ward:a|b|c"
MANY = recipe("multi-task", targets=TARGETS, hidden="8", **INPUTS)


def one(**targets: object) -> Records:
    row = {"age": 60, "dose": 2.0, "smoker": True, "ill": None, "stay": None, "ward": None}
    columns = {name: [cell] for name, cell in (row | targets).items()}
    return Records(columns=columns, folder=Path())


def loss(**targets: object) -> torch.Tensor:
    return MANY.losses(MANY.model(), MANY.collate(one(**targets)))[0]


def slopes(model: nn.Module, records: Records) -> dict[str, torch.Tensor]:
    found = torch.autograd.grad(
        MANY.losses(model, MANY.collate(records)).sum(), list(model.parameters())
    )
    return dict(zip(dict(model.named_parameters()), found, strict=True))


def test_a_record_without_any_value_teaches_nothing() -> None:
    assert loss() == 0
    assert all(not slope.any() for slope in slopes(MANY.model(), one()).values())


def test_a_missing_value_moves_its_head_nowhere() -> None:
    found = slopes(MANY.model(), one(ward="b"))
    moved = {name for name, slope in found.items() if slope.any()}
    assert moved == {"trunk.0.weight", "trunk.0.bias", "heads.2.weight", "heads.2.bias"}
    assert all(slope.isfinite().all() for slope in found.values())


def test_losses_add_up_by_weight() -> None:
    alone = [loss(ill=True), loss(stay=3), loss(ward="a")]
    assert torch.isclose(loss(ill=True, stay=3, ward="a"), torch.stack(alone).sum())
    heavier = recipe("multi-task", targets="ill:false|true, stay:0..30:1", hidden="8", **INPUTS)
    lighter = recipe("multi-task", targets="ill:false|true, stay:0..30:0.5", hidden="8", **INPUTS)
    batch = heavier.collate(one(stay=3))
    model = heavier.model()
    assert torch.isclose(heavier.losses(model, batch), 2 * lighter.losses(model, batch))


def test_figures_are_each_targets_own(tmp_path: Path) -> None:
    records = MANY.mock(200, 1, tmp_path)
    model = MANY.model()
    rows = MANY.tallies(model, MANY.collate(records))
    assert rows.norm(dim=1).max() <= 1 + 1e-6
    found = MANY.metrics(rows.sum(0))
    names = ["ill.accuracy", "ill.balanced_accuracy", "ill.f1", "ill.auc", "stay.rmse", "stay.mae"]
    assert list(found) == [*names, "ward.accuracy", "ward.balanced_accuracy", "ward.f1"]
    single = recipe("tabular", target="ill", **INPUTS)
    known = [i for i, cell in enumerate(records.columns["ill"]) if cell is not None]
    batch = single.collate(records.picked(known))

    def first_head(inputs: torch.Tensor) -> torch.Tensor:
        answers: torch.Tensor = model(inputs)
        return answers[:, :1]

    alone = single.metrics(single.tallies(first_head, batch).sum(0))
    assert found["ill.auc"] == pytest.approx(alone["auc"], rel=1e-5)
    assert found["ill.accuracy"] == pytest.approx(alone["accuracy"], rel=1e-5)


def test_tallies_stay_bounded_when_the_model_is_broken(tmp_path: Path) -> None:
    model = MANY.model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(math.nan)
    rows = MANY.tallies(model, MANY.collate(MANY.mock(5, 1, tmp_path)))
    assert rows.isfinite().all()
    assert rows.norm(dim=1).max() <= 1 + 1e-6


def test_a_model_learns_every_target(tmp_path: Path) -> None:
    batch, other = (MANY.collate(MANY.mock(400, seed, tmp_path)) for seed in (1, 2))
    model = MANY.model()
    before = MANY.metrics(MANY.tallies(model, other).sum(0))
    weights = list(model.parameters())
    for _ in range(100):
        found = torch.autograd.grad(MANY.losses(model, batch).mean(), weights)
        with torch.no_grad():
            for weight, slope in zip(weights, found, strict=True):
                weight.sub_(slope / 2)
    after = MANY.metrics(MANY.tallies(model, other).sum(0))
    assert after["ill.accuracy"] > 0.8
    assert after["ward.accuracy"] > 0.7
    assert after["stay.rmse"] < 0.7 * before["stay.rmse"]


@pytest.mark.parametrize(
    ("targets", "named"),
    [
        ("ill:false|true", "two targets"),
        ("ill:false|true, ill:a|b", "twice"),
        ("ill:false|true, age:0..9", "twice"),
        ("ill:false|true, stay:9..0", "low end"),
        ("ill:false|true, stay:0..x", "number"),
        ("ill:false|true, stay:a", "two classes"),
        ("ill:false|true, stay", "not name"),
        ("ill:false|true:0, stay:0..9", "weight"),
        ("ill:false|true:nan, stay:0..9", "weight"),
        ("ill:false|true:much, stay:0..9", "weight"),
    ],
)
def test_a_study_that_describes_its_targets_badly_is_refused(targets: str, named: str) -> None:
    with pytest.raises(ConfigInvalid, match=named):
        recipe("multi-task", targets=targets, **INPUTS)


def test_a_word_of_no_class_is_refused_and_not_quoted() -> None:
    with pytest.raises(DataUnreadable, match=r"Record 1 .*'ward'") as caught:
        MANY.collate(one(ward="secret"))
    assert "secret" not in str(caught.value)
