"""Recommenders trained by the engine on their own mock, record by record and user by user."""

from decimal import Decimal
from pathlib import Path

import pytest
import torch

from securefed.adapters.opacus_training.evaluation import evaluate_public
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.training import train
from securefed.domain.identifiers import Line
from securefed.domain.privacy import DpSgd, PrivacyUnit, Sampling
from securefed.domain.site import Column, ColumnType
from securefed.errors import DataUnreadable
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.recipe import Recipe
from securefed.recipes.records import Records
from tests.recipes.recommender.small import MODELS, recommender

pytestmark = pytest.mark.slow

COLUMNS = tuple(
    Column(name=Line(name), type=kind, meaning=Line("Of a rating"))
    for name, kind in {
        "user": ColumnType.IDENTIFIER,
        "item": ColumnType.INTEGER,
        "rating": ColumnType.DECIMAL,
    }.items()
)
UNITS = {"table": PrivacyUnit(column=None, bound=1), "records": PrivacyUnit(column="user", bound=8)}


class OpenGate:
    def before_step(self, step: int) -> None:
        pass


def _run(
    recipe: Recipe, users: str, steps: int, noise: str, folder: Path, seed: int = 0
) -> TrainingRun:
    mechanism = DpSgd(
        noise_multiplier=Decimal(noise),
        sampling_rate=Decimal("0.9"),
        sampling=Sampling.POISSON,
        steps=steps,
        clip=Decimal(2),
    )
    source = MemorySource(recipe.mock(600, seed, folder), COLUMNS, UNITS[users])
    return TrainingRun(recipe=recipe, source=source, mechanism=mechanism)


@pytest.mark.parametrize("users", UNITS)
@pytest.mark.parametrize("model", MODELS)
def test_it_learns_and_predicts_records_that_it_has_not_seen(
    model: str, users: str, tmp_path: Path
) -> None:
    recipe = recommender(model=model, users=users, learning_rate=0.05)
    run = _run(recipe, users, 40, "0.01", tmp_path)
    trained = train(run, OpenGate())
    assert trained.proof.engine == "book-keeping"
    assert trained.silenced == 0
    assert ("user.weight" in trained.kept) == (users == "table")
    assert "user.weight" not in trained.weights
    fresh = _run(recipe, users, 1, "1", tmp_path, seed=1)
    before = evaluate_public(fresh)
    told = {"weights": trained.weights, "kept": trained.kept or None}
    after = evaluate_public(
        TrainingRun(recipe=recipe, source=fresh.source, mechanism=fresh.mechanism, **told)
    )
    assert after["rmse"] < 0.9 * before["rmse"]
    assert 0 < after["mae"] <= after["rmse"]


@pytest.mark.parametrize("users", UNITS)
def test_a_half_precision_run_stays_finite(users: str, tmp_path: Path) -> None:
    recipe = recommender(users=users, precision="bfloat16", model="neural")
    trained = train(_run(recipe, users, 2, "1", tmp_path), OpenGate())
    assert all(one.isfinite().all() for one in trained.weights.values())
    assert trained.silenced == 0


def test_without_a_table_no_state_is_a_users(tmp_path: Path) -> None:
    """What is trained has the shape of the catalogue, however many users there are."""
    recipe = recommender(users="records")
    trained = train(_run(recipe, "records", 1, "1", tmp_path), OpenGate())
    assert {name: tuple(one.shape) for name, one in trained.weights.items()} == {
        "item.weight": (30, 4)
    }
    assert trained.kept == {}


def test_the_first_weights_are_the_same_each_time() -> None:
    one, other = recommender().model(), recommender().model()
    other_seed = recommender(seed=1).model()
    for name, weight in one.named_parameters():
        assert torch.equal(weight, other.get_parameter(name))
    assert not torch.equal(
        one.get_parameter("item.weight"), other_seed.get_parameter("item.weight")
    )


def test_a_missing_rating_ends_an_evaluation_by_its_column(tmp_path: Path) -> None:
    recipe = recommender()
    columns = dict(recipe.mock(4, 0, tmp_path).columns)
    columns["rating"] = [*columns["rating"][:3], None]
    source = MemorySource(Records(columns=columns, folder=tmp_path), COLUMNS, UNITS["table"])

    with pytest.raises(DataUnreadable, match="rating"):
        evaluate_public(
            TrainingRun(recipe=recipe, source=source, mechanism=DpSgd.full_batch(Decimal(1)))
        )
