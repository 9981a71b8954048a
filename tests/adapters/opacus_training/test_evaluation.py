import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
import torch
from torch import Tensor

from securefed.adapters.opacus_training.evaluation import evaluate, evaluate_public
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.domain.privacy import GaussianRelease, PrivacyUnit
from securefed.errors import ConfigInvalid, SelfTestFailed, TrainingFailed
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.recipe import Batch, Forward
from tests.adapters.opacus_training.plain import (
    COLUMNS,
    RECORD,
    PlainRecipe,
    made_up,
    plain_run,
    source,
    with_cells,
)

pytestmark = pytest.mark.slow

PERSON = PrivacyUnit(column="who", bound=3)


class Ones(PlainRecipe):
    """Each record adds one."""

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        return torch.ones(len(batch["x"]), 1)


class Huge(PlainRecipe):
    """Each record wants to add a thousand."""

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        return torch.full((len(batch["x"]), 2), 1000.0)


class Copying(PlainRecipe):
    """Each record adds one, or what it is not."""

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        return batch["x"][:, :1] * 0 + 1


class Mixing(PlainRecipe):
    """A record's tally is measured by the batch."""

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        return (batch["y"] / batch["y"].norm()).unsqueeze(1)


class Raising(PlainRecipe):
    """Says what it saw."""

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        raise ValueError(f"secret {batch['x']}")


def release(noise: str) -> GaussianRelease:
    return GaussianRelease(noise_multiplier=Decimal(noise), releases=3)


def loss_of(run: TrainingRun) -> float:
    return evaluate_public(run)["loss"]


def test_every_record_counts_once(tmp_path: Path) -> None:
    for batch in (7, 1000):
        run = plain_run(tmp_path, recipe=Ones(physical_batch=batch), source=source(tmp_path, 200))
        assert loss_of(run) == pytest.approx(200)


def test_a_unit_counts_once_however_many_records_it_has(tmp_path: Path) -> None:
    run = plain_run(tmp_path, recipe=Ones(), source=source(tmp_path, 200, PERSON, each=8))
    assert loss_of(run) == pytest.approx(25)


def test_no_unit_adds_more_than_one(tmp_path: Path) -> None:
    run = plain_run(tmp_path, recipe=Huge(), source=source(tmp_path, 200, PERSON, each=8))
    assert loss_of(run) == pytest.approx(25 / 2**0.5)


def test_what_is_not_finite_adds_nothing(tmp_path: Path) -> None:
    records = with_cells(made_up(200, 7, tmp_path), "x0", {3: math.nan, 150: math.inf})
    lost = MemorySource(records, COLUMNS, RECORD)
    assert loss_of(plain_run(tmp_path, recipe=Copying(), source=lost)) == pytest.approx(198)


def test_the_noise_has_the_deviation_that_is_accounted(tmp_path: Path) -> None:
    run = plain_run(tmp_path, recipe=Ones(), source=source(tmp_path, 20))
    drawn = torch.tensor([evaluate(run, release("4")).metrics["loss"] - 20 for _ in range(400)])
    # Eight standard errors on each side.
    assert abs(drawn.var().item() / 16 - 1) < 8 * (2 / 400) ** 0.5
    assert abs(drawn.mean().item()) < 8 * 4 / 20


def test_one_evaluation_is_one_release(tmp_path: Path) -> None:
    assert evaluate(plain_run(tmp_path), release("4")).executed.releases == 1


def test_the_noised_sum_is_what_metrics_are_made_from(tmp_path: Path) -> None:
    class Eager(Ones):
        def metrics(self, tally: Tensor) -> Mapping[str, float]:
            return {"loss": float(tally.zero_()[0] if self.greedy else tally[0])}

        greedy = False

    recipe = Eager()
    found = evaluate(plain_run(tmp_path, recipe=recipe), release("4"))
    assert found.tally == (found.metrics["loss"],)
    assert found.tally[0] == round(found.tally[0], 6)
    recipe.greedy = True
    assert evaluate(plain_run(tmp_path, recipe=recipe), release("4")).tally != (0,)


def test_tallies_that_mix_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SelfTestFailed, match="depends on which others"):
        evaluate(plain_run(tmp_path, recipe=Mixing()), release("4"))


def test_a_failure_does_not_say_what_it_saw(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed) as caught:
        evaluate(plain_run(tmp_path, recipe=Raising()), release("4"))
    assert "secret" not in str(caught.value)


def test_missing_columns_are_found_before_a_record_is_read(tmp_path: Path) -> None:
    narrow = MemorySource(made_up(20, 7, tmp_path), COLUMNS[1:], RECORD)
    with pytest.raises(ConfigInvalid, match="'x0'"):
        evaluate(plain_run(tmp_path, source=narrow), release("4"))
