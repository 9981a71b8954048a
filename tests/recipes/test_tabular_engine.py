"""The recipes that read tables, in the engine: exact against single records, and trained."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from torch import Tensor, nn

from securefed.adapters.opacus_training.evaluation import evaluate_public
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.training import train
from securefed.domain.identifiers import Line
from securefed.domain.privacy import DpSgd, PrivacyUnit, Sampling
from securefed.domain.site import Column
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.recipe import Recipe
from tests.adapters.bookkeeping import oracle
from tests.recipes.stated import own_recipe, recipe

pytestmark = pytest.mark.slow

INPUTS = {"numeric": "age:50:10, dose:1:0.5", "categorical": "sex:f|m|*", "boolean": "smoker"}
RECIPES = {
    "binary": recipe("tabular", target="ill", **INPUTS),
    "mlp": recipe("tabular", target="ill", model="mlp", hidden="8, 4", **INPUTS),
    "multi-class": recipe("tabular", target="t", task="multi-class", classes="0,1,2", **INPUTS),
    "regression": recipe("tabular", target="d", task="regression", high="30", **INPUTS),
    "multi-task": recipe("multi-task", targets="ill:0|1, stay:0..30:0.5, ward:a|b|c", **INPUTS),
    "own-code": own_recipe(
        (Path(__file__).parents[2] / "docs" / "my_model.py").read_bytes(),
        columns="age, systolic, emergency, readmitted",
        learning_rate="1",
    ),
}
each = pytest.mark.parametrize("tried", RECIPES.values(), ids=RECIPES)


class Uncharged:
    def before_step(self, step: int) -> None:
        assert step > 0


def trained_figures(tried: Recipe, folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    columns = tuple(
        Column(name=Line(need.name), type=min(need.types), meaning=Line("Made up"))
        for need in tried.needs()
    )
    source, other = (
        MemorySource(tried.mock(600, seed, folder), columns, PrivacyUnit(column=None, bound=1))
        for seed in (1, 2)
    )
    mechanism = DpSgd(
        noise_multiplier=Decimal("0.8"),
        sampling_rate=Decimal("0.2"),
        sampling=Sampling.POISSON,
        steps=60,
        clip=Decimal(1),
    )
    run = TrainingRun(recipe=tried, source=source, mechanism=mechanism)
    trained = train(run, Uncharged())
    assert trained.proof.engine == "book-keeping"
    tested = replace(run, source=other)
    after = evaluate_public(replace(tested, weights=trained.weights))
    return dict(evaluate_public(tested)), dict(after)


@each
def test_the_engine_agrees_with_a_loop_over_records(tried: Recipe, tmp_path: Path) -> None:
    batch = tried.collate(tried.mock(6, 1, tmp_path))
    names = list(batch)

    def losses(model: nn.Module, parts: oracle.Batch) -> Tensor:
        return tried.losses(model, dict(zip(names, parts, strict=True)))

    oracle.assert_exact(tried.model(), tuple(batch.values()), losses)


@each
def test_a_noised_model_is_better_than_none(tried: Recipe, tmp_path: Path) -> None:
    before, after = trained_figures(tried, tmp_path)
    for name in before:
        if name.endswith("accuracy"):
            assert after[name] > max(0.6, before[name])
        elif name.endswith(("rmse", "mae")):
            assert after[name] < 0.8 * before[name]
