"""From drawn units to batches: each unit whole, once, and weighed to the mean of its records."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from securefed.adapters.opacus_training.batches import UnitBatch, UnitBatches, unit_batch
from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose
from securefed.domain.privacy import PrivacyUnit
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.records import Records
from tests.adapters.opacus_training.plain import COLUMNS, PlainRecipe, made_up

CPU = torch.device("cpu")


def crowd(folder: Path, sizes: Sequence[int], bound: int) -> MemorySource:
    """Units of these sizes; a record's `y` is its number."""
    records = made_up(sum(sizes), 7, folder)
    who = [f"u{unit}" for unit, size in enumerate(sizes) for _ in range(size)]
    y = [float(i) for i in range(len(who))]
    named = Records(columns={**records.columns, "y": y, "who": who}, folder=folder)
    return MemorySource(named, COLUMNS, PrivacyUnit(column="who", bound=bound))


def batches(data: MemorySource, units: Sequence[int], most: int) -> list[UnitBatch]:
    words = KeyStream(Purpose.SAMPLING).words
    made = UnitBatches(PlainRecipe(physical_batch=most), data, words, CPU)
    return list(made.of(np.array(units, np.int64)))


def held(batch: UnitBatch) -> list[list[float]]:
    """The records of each unit that count, by their numbers."""
    rows = zip(batch.tensors["y"].tolist(), batch.weight.tolist(), strict=True)
    every = [number if weight else None for number, weight in rows]
    parts = [every[i : i + batch.rows] for i in range(0, len(every), batch.rows)]
    return [[number for number in part if number is not None] for part in parts]


@pytest.mark.parametrize("most", [1, 2, 3, 7, 1000])
def test_each_unit_is_whole_in_one_batch_and_in_one_alone(tmp_path: Path, most: int) -> None:
    data = crowd(tmp_path, [1, 4, 2, 1, 3, 4], bound=4)
    found = sorted(unit for one in batches(data, [0, 1, 2, 4, 5], most) for unit in held(one))
    assert found == [[0], [1, 2, 3, 4], [5, 6], [8, 9, 10], [11, 12, 13, 14]]


def test_memory_is_asked_for_as_many_rows_as_were_allowed_or_for_one_unit(tmp_path: Path) -> None:
    data = crowd(tmp_path, [1, 4, 2, 1, 3, 4, 9], bound=9)
    for most in (1, 2, 3, 5, 8, 1000):
        for one in batches(data, range(7), most):
            assert len(one.weight) <= most or len(one.weight) == one.rows


def test_a_units_records_have_the_weight_of_one_together(tmp_path: Path) -> None:
    data = crowd(tmp_path, [1, 4, 2], bound=4)
    for one in batches(data, range(3), 1000):
        assert torch.allclose(one.weight.view(-1, one.rows).sum(1), torch.ones(3))


def test_rows_that_fill_are_the_units_own_first_record(tmp_path: Path) -> None:
    (one,) = batches(crowd(tmp_path, [1, 3], bound=3), [0, 1], 1000)
    assert one.tensors["y"].tolist() == [0, 0, 0, 1, 2, 3]
    assert one.weight.tolist() == pytest.approx([1, 0, 0, 1 / 3, 1 / 3, 1 / 3])
    assert one.tensors["unit"].tolist() == [0, 0, 0, 1, 1, 1]


def test_of_a_unit_no_more_records_than_the_bound_are_read(tmp_path: Path) -> None:
    data = crowd(tmp_path, [1, 50], bound=3)
    seen: set[float] = set()
    for _ in range(60):
        for one in batches(data, [0, 1], 1000):
            chosen = max(held(one), key=len)
            assert len(set(chosen)) == len(chosen) == one.rows == 3
            seen.update(chosen)
    # Chosen anew each time: that twenty of fifty are missed has a chance of 1e-18.
    assert len(seen) > 30


def test_nobody_makes_no_batch(tmp_path: Path) -> None:
    assert batches(crowd(tmp_path, [1, 2], bound=2), [], 5) == []


def test_records_that_are_not_the_same_number_for_each_unit_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="same number"):
        unit_batch(PlainRecipe(), made_up(5, 0, tmp_path), [2, 2], CPU)
