"""One whole run: its noise is new and right, nothing runs past the gate, nothing leaves early."""

import random
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.mechanism import Numbers
from securefed.adapters.opacus_training.training import begun_model, train
from securefed.domain.privacy import Sampling
from securefed.errors import (
    ConfigInvalid,
    LossUnusable,
    ModelUnusable,
    NumberInvalid,
    RunCancelled,
    TrainingFailed,
)
from securefed.recipes.recipe import Batch, Forward
from securefed.recipes.records import Records
from tests.adapters.opacus_training.plain import (
    CountingGate,
    PlainRecipe,
    Refused,
    RefusingGate,
    WatchedSource,
    WideRecipe,
    clipped_sum,
    flat,
    made_up,
    mechanism,
    plain_run,
    source,
    still,
)

pytestmark = pytest.mark.slow

RECORDS = 12
# A right source is further away once in 10¹¹ runs.
ERRORS = 7.0


class SeedingRecipe(WideRecipe):
    """Owns every generator that it can reach, in every method."""

    def _seed(self) -> None:
        torch.manual_seed(1)
        np.random.seed(1)
        random.seed(1)

    def model(self) -> nn.Module:
        self._seed()
        return super().model()

    def collate(self, records: Records) -> Batch:
        self._seed()
        return super().collate(records)

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        self._seed()
        return super().losses(model, batch)


def noise_of_one_step(folder: Path, recipe: PlainRecipe, clip: str = "0.5") -> Tensor:
    """What a step over everybody added beyond the clipped sum."""
    run = plain_run(
        folder,
        recipe=recipe,
        source=source(folder, RECORDS),
        mechanism=mechanism(1, noise="2", rate="1", clip=clip),
    )
    before = begun_model(run)
    units = [made_up(RECORDS, 7, folder).picked([i]) for i in range(RECORDS)]
    expected = clipped_sum(recipe, before, units, float(clip))
    moved = flat(dict(before.named_parameters())) - flat(train(run, CountingGate()).weights)
    return moved.double() * RECORDS / recipe.settings.learning_rate - expected


def test_a_step_adds_exactly_the_noise_that_was_approved_to_the_exact_sum(tmp_path: Path) -> None:
    noise = noise_of_one_step(tmp_path, WideRecipe(learning_rate=RECORDS))
    share = noise.square().mean().item() / (2 * 0.5) ** 2
    assert abs(share - 1) < ERRORS * (2 / len(noise)) ** 0.5
    assert abs(noise.mean().item()) < ERRORS / len(noise) ** 0.5


def test_a_recipe_that_seeds_every_generator_cannot_redraw_the_noise(tmp_path: Path) -> None:
    recipe = SeedingRecipe(learning_rate=RECORDS)
    first, second = (noise_of_one_step(tmp_path, recipe) for _ in range(2))
    correlation = (first * second).mean().item()
    assert abs(correlation) < ERRORS / len(first) ** 0.5
    assert not (first == second).any()


def test_noise_is_new_in_every_step(tmp_path: Path) -> None:
    # With a rate at which nobody is ever drawn, what moves the weights is noise alone.
    seen: list[Tensor] = []
    models: list[nn.Module] = []

    class Watched(WideRecipe):
        def model(self) -> nn.Module:
            models.append(super().model())
            return models[-1]

    def keep(_: int) -> None:
        seen.append(flat(dict(models[-1].named_parameters())))

    run = plain_run(tmp_path, recipe=Watched(), mechanism=mechanism(3, rate="1e-12"), on_step=keep)
    train(run, CountingGate())
    first, second = seen[1] - seen[0], seen[2] - seen[1]
    both = (first.double() @ second.double()).item() / (first.norm() * second.norm()).item()
    assert abs(both) < ERRORS / len(first) ** 0.5


@pytest.mark.parametrize("at", [1, 3])
def test_a_gate_that_refuses_a_step_ends_the_run_before_it(tmp_path: Path, at: int) -> None:
    done: list[int] = []
    gate = RefusingGate(at)
    with pytest.raises(Refused):
        train(plain_run(tmp_path, steps=5, on_step=done.append), gate)
    assert gate.passed == done == list(range(1, at))


def test_every_step_passes_the_gate_before_any_record_is_read(tmp_path: Path) -> None:
    told: list[str] = []

    class Gate(CountingGate):
        def before_step(self, step: int) -> None:
            told.append(f"gate {step}")

    taken = WatchedSource(tmp_path, 5, lambda _: told.append("take"))
    recipe = PlainRecipe(physical_batch=3)
    run = plain_run(tmp_path, source=taken, recipe=recipe, mechanism=mechanism(3, rate="1"))
    train(run, Gate())
    assert told == [word for step in (1, 2, 3) for word in (f"gate {step}", "take", "take")]


class Raising(PlainRecipe):
    """Fails on real records, of which there are more than made-up ones."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        if len(batch["y"]) > 100:
            raise self._error
        return super().losses(model, batch)


@pytest.mark.parametrize(
    "error", [ValueError("42 years, HIV"), SystemExit(42), MemoryError(), StopIteration("Smith")]
)
def test_whatever_a_recipe_raises_on_records_has_one_name_and_no_text(
    tmp_path: Path, error: BaseException
) -> None:
    run = plain_run(tmp_path, recipe=Raising(error), mechanism=mechanism(3, rate="1"))
    with pytest.raises(TrainingFailed) as caught:
        train(run, gate := CountingGate())
    assert gate.passed == [1]
    for word in ("42", "HIV", "Smith"):
        assert word not in str(caught.value)


def test_a_run_is_cancelled_before_its_next_step(tmp_path: Path) -> None:
    done: list[int] = []
    run = plain_run(tmp_path, steps=9, on_step=done.append, cancelled=lambda: len(done) == 2)
    with pytest.raises(RunCancelled):
        train(run, gate := CountingGate())
    assert gate.passed == done == [1, 2]


def test_a_run_is_cancelled_between_physical_batches_of_a_step(tmp_path: Path) -> None:
    batches: list[list[int]] = []
    taken = WatchedSource(tmp_path, 20, batches.append)
    run = plain_run(
        tmp_path,
        source=taken,
        recipe=PlainRecipe(physical_batch=2),
        mechanism=still(2),
        cancelled=lambda: len(batches) >= 3,
    )
    with pytest.raises(RunCancelled):
        train(run, gate := CountingGate())
    assert (len(batches), gate.passed) == (3, [1])


def test_a_partial_sum_does_not_reach_the_next_run_of_the_same_model(tmp_path: Path) -> None:
    model = PlainRecipe().model()

    class Same(PlainRecipe):
        def model(self) -> nn.Module:
            return model

    batches: list[list[int]] = []
    taken = WatchedSource(tmp_path, 20, batches.append)
    recipe = Same(physical_batch=2)
    run = plain_run(
        tmp_path,
        source=taken,
        recipe=recipe,
        mechanism=still(1),
        cancelled=lambda: len(batches) > 4,
    )
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    with pytest.raises(RunCancelled):
        train(run, CountingGate())
    assert all(torch.equal(before[name], one) for name, one in model.named_parameters())
    assert all(one.grad is None for one in model.parameters())
    assert "forward" not in vars(model)
    again = train(replace(run, cancelled=lambda: False), CountingGate()).weights
    fresh = plain_run(
        tmp_path, recipe=PlainRecipe(), source=source(tmp_path, 20), mechanism=still(1)
    )
    afresh = train(replace(fresh, weights=before), CountingGate()).weights
    assert torch.allclose(flat(again), flat(afresh), rtol=1e-5)


def test_what_leaves_is_what_was_trained_at_the_beginning(tmp_path: Path) -> None:
    # A model that turns a frozen tensor into a trained one at the end has it returned by nobody.
    class Opening(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(4, 1)
            self.seen = nn.Parameter(torch.zeros(4), requires_grad=False)

        def forward(self, x: Tensor) -> Tensor:
            if len(x) > 100:
                self.seen.requires_grad_(True)
            return self.line(x)

    class Recipe(PlainRecipe):
        def model(self) -> nn.Module:
            return Opening()

    run = plain_run(tmp_path, recipe=Recipe(), mechanism=mechanism(1, rate="1"))
    assert train(run, CountingGate()).weights.keys() == {"line.weight", "line.bias"}


def test_executed_says_what_was_run(tmp_path: Path) -> None:
    asked = mechanism(3, noise="1.25", rate="0.125", clip="0.75")
    assert train(plain_run(tmp_path, mechanism=asked), CountingGate()).executed == asked


def test_the_private_count_is_in_no_text(tmp_path: Path) -> None:
    trained = train(plain_run(tmp_path, steps=1), CountingGate())
    assert "silenced" not in repr(trained)


def test_shuffling_is_refused(tmp_path: Path) -> None:
    asked = replace(mechanism(1), sampling=Sampling.SHUFFLE)
    with pytest.raises(ConfigInvalid, match="Poisson"):
        train(plain_run(tmp_path, mechanism=asked), CountingGate())


def test_a_rate_that_never_draws_anybody_is_refused(tmp_path: Path) -> None:
    gate = CountingGate()
    with pytest.raises(NumberInvalid):
        train(plain_run(tmp_path, mechanism=mechanism(1, rate="1e-20")), gate)
    assert gate.passed == []


def test_the_clip_is_never_above_and_the_noise_never_below_what_was_approved() -> None:
    for text in (
        "0.1",
        "0.30000000000000004",
        "1e-12",
        "7",
        "1e9",
        "0.1000000000000000055511151231",
    ):
        numbers = Numbers.of(mechanism(1, noise=text, clip=text), 10, nn.Linear(1, 1))
        assert Decimal(numbers.clip) < Decimal(text)
        assert Decimal(numbers.deviation) >= Decimal(text) * Decimal(text)


class Frozen(PlainRecipe):
    def model(self) -> nn.Module:
        return super().model().requires_grad_(False)


class Scalar(PlainRecipe):
    def losses(self, model: Forward, batch: Batch) -> Tensor:
        return super().losses(model, batch).mean()


class Column(PlainRecipe):
    def losses(self, model: Forward, batch: Batch) -> Tensor:
        return super().losses(model, batch).unsqueeze(1)


@pytest.mark.parametrize(
    ("recipe", "error"), [(Frozen, ModelUnusable), (Scalar, LossUnusable), (Column, LossUnusable)]
)
def test_what_cannot_be_clipped_ends_before_the_gate(
    tmp_path: Path, recipe: Callable[[], PlainRecipe], error: type[Exception]
) -> None:
    gate = CountingGate()
    with pytest.raises(error):
        train(plain_run(tmp_path, recipe=recipe()), gate)
    assert gate.passed == []


def test_weights_that_diverge_are_not_returned(tmp_path: Path) -> None:
    recipe = PlainRecipe(learning_rate=1000)
    run = plain_run(tmp_path, recipe=recipe, mechanism=mechanism(2, "1e12", "1e-15", "1e12"))
    with pytest.raises(TrainingFailed, match="finite"):
        train(run, CountingGate())


def test_nothing_grows_from_step_to_step(tmp_path: Path) -> None:
    held: list[int] = []

    def measure(step: int) -> None:
        if step in (100, 300):
            held.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    try:
        train(plain_run(tmp_path, steps=300, on_step=measure), CountingGate())
    finally:
        tracemalloc.stop()
    # Far less than the tensors of one record a step.
    assert held[1] - held[0] < 100_000
