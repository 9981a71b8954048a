"""A control variate's correction is no way around the clip, and leads exactly where it says."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch

from securefed.adapters.opacus_training.controlling import ControlCorrection
from securefed.adapters.opacus_training.ranks import Ranks
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.step import Step
from securefed.adapters.opacus_training.training import begun_model, train
from securefed.aggregation.grid import Floats
from securefed.errors import ConfigInvalid
from securefed.recipes.settings import Settings
from tests.adapters.opacus_training.plain import (
    WIDTH,
    CountingGate,
    PlainRecipe,
    flat,
    made_up,
    plain_run,
    source,
    still,
)
from tests.adapters.opacus_training.test_proximal import CLIP, Hearing
from tests.adapters.opacus_training.test_step import Bench

pytestmark = pytest.mark.slow

STEPS, RATE = 4, 0.05
CORRECTION = {
    "weight": torch.tensor([[0.3, -0.2, 0.1, 0.4]]),
    "bias": torch.tensor([-0.5]),
}


def reference(run: TrainingRun, factor: float, *, average: bool) -> Floats:
    """Plain gradient steps on everybody, with the correction spread over them."""
    records = made_up(200, 7, Path())
    x = np.array([records.columns[f"x{i}"] for i in range(WIDTH)] + [[1.0] * 200]).T
    y = np.array(records.columns["y"])
    model = begun_model(run)
    here = np.concatenate([flat({"w": model.weight}), flat({"b": model.bias})]).astype(np.float64)
    each = np.concatenate([flat({"w": CORRECTION["weight"]}), flat({"b": CORRECTION["bias"]})])
    went = RATE * (STEPS + 1) / 2 if average else RATE * STEPS
    visited = []
    for _ in range(STEPS):
        gradient = 2 * x.T @ (x @ here - y) / len(y)
        here = here - factor * RATE * (gradient + each / went)
        visited.append(here)
    end: Floats = np.mean(visited, axis=0) if average else here
    return end


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("factor", ["1", "0.25"])
def test_steps_are_those_of_a_plain_reference(
    tmp_path: Path, factor: str, *, average: bool
) -> None:
    run = plain_run(
        tmp_path,
        recipe=PlainRecipe(learning_rate=RATE, average=average),
        mechanism=still(STEPS, clip="1000"),
        correction=CORRECTION,
        rate_factor=Decimal(factor),
    )
    found = train(run, CountingGate()).weights
    expected = reference(run, float(factor), average=average)
    flatly = torch.cat([found["weight"].flatten(), found["bias"].flatten()])
    np.testing.assert_allclose(flatly, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("average", [False, True])
def test_alone_it_leads_as_far_as_it_says_and_back(tmp_path: Path, *, average: bool) -> None:
    """Where gradients are clipped to almost nothing, a round goes by minus the correction."""
    recipe = PlainRecipe(learning_rate=RATE, average=average)
    mechanism = still(STEPS, clip="1e-4")
    run = plain_run(tmp_path, recipe=recipe, mechanism=mechanism, correction=CORRECTION)
    begun = begun_model(run).state_dict()
    found = train(run, CountingGate()).weights
    for name, one in CORRECTION.items():
        assert torch.allclose(found[name] - begun[name], -one, atol=1e-4)


def test_what_is_noised_has_no_correction_in_it(tmp_path: Path) -> None:
    for large in (0.0, 1e4):
        bench = Bench(PlainRecipe(), source(tmp_path), clip=CLIP)
        parameters = dict(bench.model.named_parameters())
        before, noise = flat(parameters).clone(), Hearing()
        huge = {name: torch.full_like(one, large) for name, one in parameters.items()}
        Step(
            sums=bench.sums,
            optimizer=torch.optim.SGD(bench.parameters, lr=1.0),
            noise=noise,
            clip=CLIP,
            expected_units=1.0,
            ranks=Ranks(),
            pull=ControlCorrection(huge, parameters, Settings(), 1),
        ).take(bench.batches([0]))
        assert noise.sums[0].norm() <= CLIP * (1 + 1e-5)
        assert (flat(parameters) - before).norm() >= large


def test_noise_is_as_loud_with_a_correction(tmp_path: Path) -> None:
    large = {name: 100 * one for name, one in CORRECTION.items()}
    proof = train(plain_run(tmp_path, correction=large), CountingGate()).proof
    assert proof.largest_contribution <= 1 + 1e-5
    assert proof.noise_variance == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("settings", [{"optimizer": "adam"}, {"momentum": 0.5}], ids=str)
def test_steps_of_no_known_length_are_refused_before_one_is_charged(
    tmp_path: Path, settings: dict[str, object]
) -> None:
    gate = CountingGate()
    run = plain_run(tmp_path, correction=CORRECTION)
    with pytest.raises(ConfigInvalid, match="sgd without momentum"):
        train(replace(run, recipe=PlainRecipe(**settings)), gate)
    assert gate.passed == []


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_schedule_leaves_a_part_of_the_rate(tmp_path: Path, optimizer: str) -> None:
    went = []
    for factor in ("1", "0.125"):
        run = plain_run(
            tmp_path,
            recipe=PlainRecipe(learning_rate=RATE, optimizer=optimizer),
            mechanism=still(1),
            rate_factor=Decimal(factor),
        )
        begun = flat(dict(begun_model(run).named_parameters()))
        weights = train(run, CountingGate()).weights
        found = flat({name: weights[name] for name in ("weight", "bias")})
        went.append(float((found - begun).norm()))
    assert went[1] == pytest.approx(went[0] / 8, rel=1e-3)
