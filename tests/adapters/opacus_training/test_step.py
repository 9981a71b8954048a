"""A step over whoever was drawn: the same rule for nobody, for all, and in whatever parts."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.batches import UnitBatch, UnitBatches
from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from securefed.adapters.opacus_training.noise import StepNoise
from securefed.adapters.opacus_training.precision import Precision
from securefed.adapters.opacus_training.randomness.normals import NormalSource
from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose
from securefed.adapters.opacus_training.ranks import Ranks
from securefed.adapters.opacus_training.step import Step
from securefed.adapters.opacus_training.sums import ClippedSums
from securefed.errors import LossUnusable, RunCancelled
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.recipe import Batch, Forward
from tests.adapters.opacus_training.plain import (
    COLUMNS,
    RECORD,
    PlainRecipe,
    WideRecipe,
    clipped_sum,
    flat,
    grad_of,
    made_up,
    source,
    with_cells,
)

CPU = torch.device("cpu")


class Bench:
    """A step, and what it needs, by hand."""

    def __init__(
        self,
        recipe: PlainRecipe,
        data: MemorySource,
        clip: float = 1.0,
        precision: str = "float32",
    ) -> None:
        torch.manual_seed(0)
        self.recipe, self.data, self.clip = recipe, data, clip
        self.model = recipe.model()
        self.parameters = tuple(self.model.parameters())
        self.sums = ClippedSums(
            recipe=recipe,
            module=BookkeepingModule(self.model),
            parameters=self.parameters,
            precision=Precision(precision),
        )

    def batches(self, units: Sequence[int]) -> Iterator[UnitBatch]:
        words = KeyStream(Purpose.SAMPLING).words
        return UnitBatches(self.recipe, self.data, words, CPU).of(np.array(units, np.int64))

    def sum(self, units: Sequence[int]) -> Tensor:
        self.silenced = self.sums.make(self.batches(units), self.clip).silenced
        return torch.cat([grad_of(one).flatten() for one in self.parameters])

    def step(self, units: Sequence[int], deviation: float = 1.0, expected: float = 1.0) -> Tensor:
        """How far the weights move, by steps of size one."""
        before = flat(dict(self.model.named_parameters())).clone()
        normals = NormalSource(KeyStream(Purpose.NOISE))
        self.silenced = Step(
            sums=self.sums,
            optimizer=torch.optim.SGD(self.parameters, lr=1.0),
            noise=StepNoise(normals, deviation),
            clip=self.clip,
            expected_units=expected,
            ranks=Ranks(),
        ).take(self.batches(units))
        return before - flat(dict(self.model.named_parameters()))


class Shapes(PlainRecipe):
    """A model that cannot take an empty batch, as many transformers."""

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        batch["x"].reshape(len(batch["x"]), 2, -1)
        return super().losses(model, batch)


def exact(bench: Bench, units: Sequence[int], records: int) -> Tensor:
    everything = made_up(records, 7, Path())
    parts = [everything.picked([i]) for i in units]
    return clipped_sum(bench.recipe, bench.model, parts, bench.clip)


def test_a_draw_of_nobody_moves_the_weights_by_noise_alone(tmp_path: Path) -> None:
    bench = Bench(WideRecipe(), source(tmp_path))
    noise = bench.step([], deviation=3.0, expected=2.0).double() / (3 / 2)
    assert (noise != 0).all()
    assert abs(noise.square().mean().item() - 1) < 7 * (2 / len(noise)) ** 0.5


def test_a_model_that_fails_on_empty_tensors_is_not_called_with_one(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="reshape"):
        Shapes().losses(nn.Linear(4, 1), {"x": torch.zeros(0, 4), "y": torch.zeros(0)})
    assert (Bench(Shapes(), source(tmp_path)).step([]) != 0).all()


def test_a_step_divides_by_the_expected_and_not_by_the_drawn(tmp_path: Path) -> None:
    bench = Bench(PlainRecipe(), source(tmp_path, 9))
    expected = exact(bench, [0, 4, 8], 9)
    moved = bench.step([0, 4, 8], deviation=1e-12, expected=40.0)
    assert torch.allclose(moved.double() * 40, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("most", [1, 3, 1000])
def test_physical_batches_of_any_size_make_the_same_sum(tmp_path: Path, most: int) -> None:
    bench = Bench(PlainRecipe(physical_batch=most), source(tmp_path, 30))
    units = list(range(0, 30, 2))
    expected = exact(bench, units, 30)
    assert torch.allclose(bench.sum(units).double(), expected, rtol=1e-5, atol=1e-6)


def test_sums_do_not_pile_up_from_step_to_step(tmp_path: Path) -> None:
    bench = Bench(PlainRecipe(), source(tmp_path, 9))
    assert torch.equal(bench.sum(range(9)), bench.sum(range(9)))
    assert torch.equal(bench.sum([]), torch.zeros(5))


def test_what_a_recipe_writes_into_gradients_is_thrown_away(tmp_path: Path) -> None:
    class Writing(PlainRecipe):
        def losses(self, model: Forward, batch: Batch) -> Tensor:
            assert isinstance(model, nn.Module)
            for one in model.parameters():
                one.grad = torch.full_like(one, 1e6)
            return super().losses(model, batch)

    bench = Bench(Writing(), source(tmp_path, 4), clip=0.1)
    assert bench.sum([0]).norm() <= 0.1 * (1 + 1e-5)


def test_a_second_backward_in_a_criterion_adds_nothing(tmp_path: Path) -> None:
    # Ghost clipping measures one backward pass and adds another; here there is one.
    class Twice(torch.autograd.Function):
        calls = 0

        @staticmethod
        def forward(_: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(_: Any, *grads: Any) -> Any:
            Twice.calls += 1
            return grads[0] * (1.0 if Twice.calls % 2 else 1000.0)

    class Criterion(PlainRecipe):
        def losses(self, model: Forward, batch: Batch) -> Tensor:
            twice: Any = Twice
            answer: Tensor = twice.apply(super().losses(model, batch))
            return answer

    bench = Bench(Criterion(), source(tmp_path, 4), clip=0.1)
    for unit in range(4):
        assert bench.sum([unit]).norm() <= 0.1 * (1 + 1e-5)


def test_a_cancelled_step_leaves_no_sum_and_the_weights_alone(tmp_path: Path) -> None:
    bench = Bench(PlainRecipe(physical_batch=2), source(tmp_path, 9))
    before = flat(dict(bench.model.named_parameters())).clone()
    seen: list[int] = []

    def check() -> None:
        seen.append(1)
        if len(seen) == 3:
            raise RunCancelled("Enough")

    with pytest.raises(RunCancelled):
        bench.sums.make(bench.batches(range(9)), 1.0, check)
    assert all(one.grad is None for one in bench.parameters)
    assert torch.equal(flat(dict(bench.model.named_parameters())), before)
    assert torch.equal(bench.sum([1]), Bench(PlainRecipe(), source(tmp_path, 9)).sum([1]))


def poisoned(folder: Path, cell: float, where: Sequence[int]) -> MemorySource:
    records = with_cells(made_up(6, 7, folder), "x1", dict.fromkeys(where, cell))
    return MemorySource(records, COLUMNS, RECORD)


@pytest.mark.parametrize("cell", [float("nan"), float("inf"), float("-inf"), 1e30])
def test_a_record_that_is_not_finite_adds_nothing_and_is_counted(
    tmp_path: Path, cell: float
) -> None:
    bench = Bench(PlainRecipe(), poisoned(tmp_path, cell, [2]))
    found = bench.sum(range(6))
    assert bench.silenced == 1
    assert torch.allclose(found, Bench(PlainRecipe(), source(tmp_path, 6)).sum([0, 1, 3, 4, 5]))


def test_records_of_which_none_is_finite_make_a_step_of_noise(tmp_path: Path) -> None:
    bench = Bench(PlainRecipe(), poisoned(tmp_path, float("nan"), range(6)))
    moved = bench.step(range(6))
    assert bench.silenced == 6
    assert moved.isfinite().all()
    assert (moved != 0).all()


class Exploding(PlainRecipe):
    """Finite records, and for one of them a loss that is not."""

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        factors = torch.ones(len(batch["y"]))
        factors[0] = float("inf")
        return super().losses(model, batch) * factors


def test_a_loss_that_is_not_finite_silences_its_record(tmp_path: Path) -> None:
    bench = Bench(Exploding(), source(tmp_path, 6))
    found = bench.sum(range(6))
    assert bench.silenced == 1
    assert torch.allclose(found, Bench(PlainRecipe(), source(tmp_path, 6)).sum(range(1, 6)))


@pytest.mark.parametrize("loss", [1e38, 1e20, 1e-20, 1e-38])
def test_gradients_near_the_ends_of_float32_stay_within_the_clip(
    tmp_path: Path, loss: float
) -> None:
    class Scaled(PlainRecipe):
        def losses(self, model: Forward, batch: Batch) -> Tensor:
            return super().losses(model, batch) * loss

    bench = Bench(Scaled(), source(tmp_path, 6), clip=0.5)
    for unit in range(6):
        found = bench.sum([unit])
        assert found.isfinite().all()
        assert found.norm() <= 0.5 * (1 + 1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda losses: losses.mean(),
        lambda losses: losses.unsqueeze(1),
        lambda losses: losses[1:],
        lambda losses: torch.cat([losses, losses]),
        lambda losses: losses.detach(),
    ],
)
def test_losses_that_are_not_one_a_record_are_refused(
    tmp_path: Path, wrong: Callable[[Tensor], Tensor]
) -> None:
    class Wrong(PlainRecipe):
        def losses(self, model: Forward, batch: Batch) -> Tensor:
            return wrong(super().losses(model, batch))

    bench = Bench(Wrong(), source(tmp_path, 6))
    with pytest.raises(LossUnusable):
        bench.sum(range(6))
    assert all(one.grad is None for one in bench.parameters)
