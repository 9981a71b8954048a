"""Whose chance it is: who is drawn, an empty draw, the noise. Opacus first, ours beside it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from opacus import GradSampleModule, PrivacyEngine
from opacus.data_loader import DPDataLoader
from opacus.optimizers import DPOptimizer
from opacus.utils.batch_memory_manager import BatchMemoryManager
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from securefed.adapters.opacus_training.hooks import HooksModule
from securefed.adapters.opacus_training.noise import StepNoise
from securefed.adapters.opacus_training.randomness.normals import NormalSource
from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose
from securefed.adapters.opacus_training.training import train
from securefed.domain.privacy import DpSgd, Sampling
from securefed.errors import ConfigInvalid, UnsupportedLayer
from tests.adapters.bookkeeping.models import network
from tests.adapters.bookkeeping.oracle import Sums, assert_same, gradients_of, norm, squares
from tests.adapters.opacus_training.plain import (
    WIDTH,
    CountingGate,
    PlainRecipe,
    mechanism,
    plain_run,
    source,
)
from tests.adapters.opacus_training.plain_opacus import options

CLIP = 0.1

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Full backward hook is firing"),
    pytest.mark.filterwarnings("ignore:Secure RNG turned off"),
]


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(20)
    yield
    torch.set_num_threads(threads)


def opacus_step(model: nn.Module, x: Tensor, noise: float) -> Sums:
    """A step's noised sum, as the job's own code would make it with Opacus."""
    module = GradSampleModule(model, loss_reduction="sum")
    optimizer = DPOptimizer(torch.optim.SGD(model.parameters(), lr=1.0), **options(CLIP, noise))
    torch.autograd.backward(squares(module, (x,)).sum())
    optimizer.pre_step()
    found = gradients_of(model)
    module.to_standard_module()
    model.zero_grad()
    return found


def test_who_seeds_torch_takes_the_noise_of_opacus_off_again() -> None:
    model, x, noise = network(), torch.randn(8, 6), 5.0
    exact = opacus_step(model, x, 0.0)
    torch.manual_seed(42)  # in the job's code
    released = opacus_step(model, x, noise)
    torch.manual_seed(42)  # at home
    recovered = {
        name: part - torch.normal(0.0, noise * CLIP, part.shape) for name, part in released.items()
    }
    assert_same(recovered, exact, 1e-5)


def test_our_noise_is_not_torch_s() -> None:
    model, x, noise = network(), torch.randn(8, 6), 5.0
    module = BookkeepingModule(model)
    found = []
    for _ in range(2):
        torch.manual_seed(42)
        module.clipped_sum(squares(module, (x,)), CLIP)
        exact = gradients_of(model)
        normals = NormalSource(KeyStream(Purpose.NOISE))
        StepNoise(normals, noise * CLIP).add_to(model.parameters())
        released = gradients_of(model)
        found.append(released)
        torch.manual_seed(42)
        recovered = {
            name: part - torch.normal(0.0, noise * CLIP, part.shape)
            for name, part in released.items()
        }
        assert norm({name: recovered[name] - exact[name] for name in exact}) > CLIP
    assert norm({name: found[0][name] - found[1][name] for name in found[0]}) > CLIP


def test_opacus_draws_the_noise_of_coarse_weights_from_few_values() -> None:
    model = nn.Linear(100, 100, dtype=torch.bfloat16)
    x = torch.zeros(1, 100, dtype=torch.bfloat16)
    noised = opacus_step(model, x, 5.0)["weight"]
    assert noised.dtype == torch.bfloat16
    assert len(torch.unique(noised)) < 2000  # of ten thousand


@pytest.mark.parametrize("engine", [BookkeepingModule, HooksModule])
def test_we_refuse_coarse_weights(engine: Any) -> None:
    with pytest.raises(UnsupportedLayer, match="bfloat16"):
        engine(nn.Linear(100, 100, dtype=torch.bfloat16))


def one_logical_batch(module: nn.Module, optimizer: DPOptimizer, x: Tensor, parts: int) -> None:
    """Every record, in physical batches of four; left after so many of them."""
    loader = DPDataLoader(TensorDataset(x), sample_rate=1.0)
    with BatchMemoryManager(
        data_loader=loader, max_physical_batch_size=4, optimizer=optimizer
    ) as physical:
        for number, (part,) in enumerate(physical, start=1):
            optimizer.zero_grad()
            torch.autograd.backward(squares(module, (part,)).sum())
            optimizer.pre_step()
            if number == parts:
                break


def test_a_batch_that_is_left_midway_merges_into_the_next_in_opacus() -> None:
    model, x = nn.Linear(6, 3), torch.randn(8, 6)
    expected = opacus_step(model, x, 0.0)
    module = GradSampleModule(model, loss_reduction="sum")
    optimizer = DPOptimizer(torch.optim.SGD(model.parameters(), lr=1.0), **options(CLIP))
    one_logical_batch(module, optimizer, x, parts=1)
    one_logical_batch(module, optimizer, x, parts=2)
    merged = gradients_of(model)
    assert norm({name: merged[name] - expected[name] for name in expected}) > CLIP


def test_a_batch_that_is_left_midway_is_gone_with_us() -> None:
    model, x = nn.Linear(6, 3), torch.randn(8, 6)
    module = BookkeepingModule(model)
    module.clipped_sum(squares(module, (x,)), CLIP)
    expected = gradients_of(model)
    for _ in range(2):
        with module.logical_batch(CLIP) as batch:
            batch.add(squares(module, (x[:4],)))
            break
    with module.logical_batch(CLIP) as batch:
        batch.add(squares(module, (x[:4],)))
        batch.add(squares(module, (x[4:],)))
        batch.write()
    assert_same(gradients_of(model), expected, 1e-5)


class Reshaped(nn.Module):
    """As attention over heads is written: it cannot know what -1 is for no records."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        heads = x.view(len(x), 2, -1).transpose(1, 2).reshape(len(x), -1)
        answer: Tensor = self.layer(heads)
        return answer


class ReshapedRecipe(PlainRecipe):
    def model(self) -> nn.Module:
        return Reshaped()


def rarely(x: Tensor, **more: Any) -> tuple[nn.Module, Any, Any]:
    """Opacus as its tutorials use it, where a draw has one record on average, and often none."""
    model = Reshaped()
    module, optimizer, loader = PrivacyEngine().make_private(
        module=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
        data_loader=DataLoader(TensorDataset(x), batch_size=1),
        noise_multiplier=0.0,
        max_grad_norm=CLIP,
        **more,
    )
    return module, optimizer, loader


def test_opacus_calls_a_model_with_no_records_and_models_fail() -> None:
    module, _, loader = rarely(torch.randn(40, WIDTH))
    batches = [x for _ in range(3) for (x,) in loader]
    empty = next(x for x in batches if len(x) == 0)
    with pytest.raises(RuntimeError, match="cannot reshape tensor of 0 elements"):
        module(empty)


def test_rand_on_empty_steps_with_a_made_up_record() -> None:
    """Beside a dataset whose only drawn record has the opposite gradient, that is a difference of
    two clips where one was accounted for."""
    module, optimizer, loader = rarely(1e3 * torch.ones(40, WIDTH), rand_on_empty=True)
    made_up = None
    for _ in range(10):
        for (x,) in loader:
            if x.max() <= 1 and made_up is None:
                optimizer.zero_grad()
                torch.autograd.backward(1e3 * module(x + 1).sum())
                optimizer.pre_step()
                made_up = norm(gradients_of(module))
    assert made_up is not None
    assert made_up > 0.9 * CLIP


def test_we_step_with_noise_alone(tmp_path: Path) -> None:
    run = plain_run(
        tmp_path,
        recipe=ReshapedRecipe(),
        source=source(tmp_path, 40),
        mechanism=mechanism(20, rate="0.001"),
    )
    gate = CountingGate()
    trained = train(run, gate)
    assert len(gate.passed) == 20
    assert trained.executed.steps == 20
    assert all(part.isfinite().all() for part in trained.weights.values())


def test_opacus_accounts_for_a_shuffled_loader_as_if_it_were_drawn() -> None:
    x, model = torch.randn(40, WIDTH), Reshaped()
    engine = PrivacyEngine(accountant="rdp")
    shuffled = DataLoader(TensorDataset(x), batch_size=10, shuffle=True)
    module, optimizer, loader = engine.make_private(
        module=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
        data_loader=shuffled,
        noise_multiplier=1.0,
        max_grad_norm=CLIP,
        poisson_sampling=False,
    )
    assert loader is shuffled
    for (part,) in loader:
        optimizer.zero_grad()
        torch.autograd.backward(squares(module, (part,)).mean())
        optimizer.step()
    assert engine.accountant.history == [(1.0, 0.25, 4)]


def test_we_refuse_every_other_way_to_draw(tmp_path: Path) -> None:
    others = [one for one in Sampling if one is not Sampling.POISSON]
    assert others
    poisson = mechanism(1)
    for sampling in others:
        shuffled = DpSgd(
            noise_multiplier=poisson.noise_multiplier,
            sampling_rate=poisson.sampling_rate,
            sampling=sampling,
            steps=1,
            clip=poisson.clip,
        )
        with pytest.raises(ConfigInvalid, match="Poisson"):
            train(plain_run(tmp_path, mechanism=shuffled), CountingGate())


def test_opacus_charges_the_same_for_a_job_that_takes_everybody() -> None:
    """Its accounting believes the loader that it handed out, and a job may use another."""
    x, model = torch.randn(40, WIDTH), Reshaped()
    engine = PrivacyEngine(accountant="rdp")
    module, optimizer, _ = engine.make_private(
        module=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
        data_loader=DataLoader(TensorDataset(x), batch_size=10),
        noise_multiplier=1.0,
        max_grad_norm=CLIP,
    )
    torch.autograd.backward(squares(module, (x,)).mean())
    optimizer.step()
    assert engine.accountant.history == [(1.0, 0.25, 1)]


class Watching(PlainRecipe):
    """Counts the records that it is given on each call."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def collate(self, records: Any) -> Any:
        self.seen.append(len(records))
        return super().collate(records)


def test_a_recipe_of_ours_is_given_the_drawn_and_nobody_else(tmp_path: Path) -> None:
    recipe = Watching()
    steps: list[int] = []

    def on_step(_step: int) -> None:
        steps.append(sum(recipe.seen))
        recipe.seen.clear()

    run = plain_run(
        tmp_path,
        recipe=recipe,
        source=source(tmp_path, 400),
        mechanism=mechanism(30, rate="0.02"),
        on_step=on_step,
    )
    train(run, CountingGate())
    # The self-test, on made-up records, comes before the first step. Of 400 units with a rate of
    # one in fifty eight are drawn; that forty are is less likely than one in 10¹⁵.
    assert len(steps) == 30
    assert 0 < max(steps[1:]) < 40
    assert len(set(steps[1:])) > 1
