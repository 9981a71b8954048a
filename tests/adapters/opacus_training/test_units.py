"""A privacy unit with many records: one contribution of norm C at most, drawn as one."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from securefed.adapters.opacus_training.training import begun_model, train
from securefed.domain.privacy import PrivacyUnit
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.recipe import Batch, Forward
from tests.adapters.opacus_training.plain import (
    COLUMNS,
    CountingGate,
    PlainRecipe,
    clipped_sum,
    flat,
    mechanism,
    plain_run,
    still,
    with_cells,
)
from tests.adapters.opacus_training.test_batches import crowd
from tests.adapters.opacus_training.test_step import Bench

pytestmark = pytest.mark.slow

SIZES = [1, 6, 2, 1, 3, 6]


def exact(bench: Bench, units: Sequence[int]) -> Tensor:
    parts = [bench.data.take(bench.data.of_unit(unit)) for unit in units]
    return clipped_sum(bench.recipe, bench.model, parts, bench.clip)


@pytest.mark.parametrize("most", [1, 4, 1000])
@pytest.mark.parametrize("clip", [0.3, 5.0, 1e6])
def test_the_sum_is_that_of_the_means_of_units_each_clipped_as_one(
    tmp_path: Path, most: int, clip: float
) -> None:
    bench = Bench(PlainRecipe(physical_batch=most), crowd(tmp_path, SIZES, bound=6), clip)
    expected = exact(bench, range(6))
    assert torch.allclose(bench.sum(range(6)).double(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("unit", range(6))
def test_taking_a_unit_away_moves_the_sum_by_the_clip_at_most(tmp_path: Path, unit: int) -> None:
    bench = Bench(PlainRecipe(), crowd(tmp_path, SIZES, bound=6), clip=0.3)
    others = [one for one in range(6) if one != unit]
    moved = (bench.sum(range(6)).double() - bench.sum(others).double()).norm()
    assert 0 < moved <= 0.3 * (1 + 1e-5)


def test_a_unit_with_many_records_adds_no_more_than_one_with_one(tmp_path: Path) -> None:
    bench = Bench(PlainRecipe(), crowd(tmp_path, [1, 500], bound=500), clip=0.3)
    assert bench.sum([1]).norm() <= 0.3 * (1 + 1e-5)


def test_records_that_cancel_within_a_unit_leave_nothing_unclipped(tmp_path: Path) -> None:
    # Two huge gradients of opposite signs: a norm from rounded inner products could be too small.
    records = crowd(tmp_path, [2, 2], bound=2)._all
    for name in ("x0", "x1", "x2", "x3"):
        records = with_cells(records, name, {0: 1e4, 1: 1e4 * (1 + 1e-6)})
    records = with_cells(records, "y", {0: 1e6, 1: -1e6})
    data = MemorySource(records, COLUMNS, PrivacyUnit(column="who", bound=2))
    bench = Bench(PlainRecipe(), data, clip=0.01)
    with torch.no_grad():
        for one in bench.parameters:
            one.zero_()
    assert bench.sum([0]).norm() <= 0.01 * (1 + 1e-5)


def test_one_record_that_is_not_finite_silences_its_whole_unit(tmp_path: Path) -> None:
    data = crowd(tmp_path, SIZES, bound=6)
    expected = Bench(PlainRecipe(), data).sum([0, 2, 3, 4, 5])
    records = with_cells(data._all, "x0", {3: float("nan")})
    bench = Bench(PlainRecipe(), MemorySource(records, COLUMNS, data.unit))
    assert torch.allclose(bench.sum(range(6)), expected)
    assert bench.silenced == 1


class Spying(PlainRecipe):
    """Notes which records each of its batches held."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.seen: list[list[float]] = []

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        self.seen.append(batch["y"][batch["weight"] > 0].tolist())
        return super().losses(model, batch)


def test_a_draw_has_all_records_of_a_unit_or_none(tmp_path: Path) -> None:
    recipe = Spying(physical_batch=1_000_000)
    data = crowd(tmp_path, [4] * 300, bound=4)
    firsts: list[int] = []
    run = plain_run(
        tmp_path,
        recipe=recipe,
        source=data,
        mechanism=mechanism(30, rate="0.1"),
        on_step=lambda _: firsts.append(len(recipe.seen)),
    )
    train(run, CountingGate())
    drawn = 0
    for batch in recipe.seen[firsts[0] - 1 :]:
        units = {int(number) // 4 for number in batch}
        assert sorted(batch) == [4 * unit + i for unit in sorted(units) for i in range(4)]
        drawn += len(units)
    # 30 draws of 300 units at a tenth each; seven standard deviations either way.
    assert abs(drawn - 900) < 7 * (9000 * 0.1 * 0.9) ** 0.5


def test_a_whole_run_over_units_takes_the_exact_step(tmp_path: Path) -> None:
    data = crowd(tmp_path, SIZES, bound=6)
    run = plain_run(tmp_path, recipe=PlainRecipe(), source=data, mechanism=still(1, clip="0.7"))
    before = begun_model(run)
    parts = [data.take(data.of_unit(unit)) for unit in range(6)]
    expected = clipped_sum(run.recipe, before, parts, 0.7) / 6
    moved = flat(dict(before.named_parameters())) - flat(train(run, CountingGate()).weights)
    assert torch.allclose(moved.double() / 0.1, expected, rtol=1e-3, atol=1e-5)
