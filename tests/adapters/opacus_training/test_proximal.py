"""FedProx's pull is no way around the clip: it comes after the noise, whatever its strength."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.proximal import ProximalPull
from securefed.adapters.opacus_training.ranks import Ranks
from securefed.adapters.opacus_training.run import Resumption
from securefed.adapters.opacus_training.step import Step
from securefed.adapters.opacus_training.training import begun_model, train
from securefed.domain.canonical import digest_of
from securefed.errors import NumberInvalid, TrainingFailed, UnsupportedLayer
from securefed.recipes.recipe import Batch, Forward
from tests.adapters.opacus_training.plain import (
    CountingGate,
    PlainRecipe,
    clipped_sum,
    flat,
    grad_of,
    made_up,
    plain_run,
    source,
    still,
)
from tests.adapters.opacus_training.test_step import Bench

pytestmark = pytest.mark.slow

HUGE = Decimal(10) ** 4
CLIP = 0.5


class Hearing:
    """Noise that is none, and remembers what it was added to."""

    def __init__(self) -> None:
        self.sums: list[Tensor] = []

    def add_to(self, parameters: tuple[nn.Parameter, ...]) -> None:
        self.sums.append(torch.cat([grad_of(one).flatten() for one in parameters]).clone())


def far_step(folder: Path, units: list[int], strength: Decimal) -> tuple[Tensor, Tensor]:
    """A step of size one, far from where a round began: what was noised, and how far it went."""
    bench = Bench(PlainRecipe(), source(folder), clip=CLIP)
    pull = ProximalPull(strength, bench.parameters)
    with torch.no_grad():
        for one in bench.parameters:
            one.add_(1)
    before, noise = flat(dict(bench.model.named_parameters())).clone(), Hearing()
    Step(
        sums=bench.sums,
        optimizer=torch.optim.SGD(bench.parameters, lr=1.0),
        noise=noise,
        clip=CLIP,
        expected_units=1.0,
        ranks=Ranks(),
        pull=pull,
    ).take(bench.batches(units))
    return noise.sums[0], before - flat(dict(bench.model.named_parameters()))


def test_what_is_noised_has_no_pull_in_it(tmp_path: Path) -> None:
    for strength in (Decimal("0.001"), HUGE):
        heard, moved = far_step(tmp_path, [0], strength)
        assert heard.norm() <= CLIP * (1 + 1e-5)
        assert moved.norm() > float(strength)
    assert torch.equal(far_step(tmp_path, [], HUGE)[0], torch.zeros(5))


def test_one_record_moves_a_step_by_the_clip_at_most_whatever_the_pull(tmp_path: Path) -> None:
    everybody = list(range(20))
    for strength in (Decimal("0.001"), Decimal(1), HUGE):
        _, all_moved = far_step(tmp_path, everybody, strength)
        for one in (0, 7, 19):
            rest = [unit for unit in everybody if unit != one]
            _, rest_moved = far_step(tmp_path, rest, strength)
            # What a float32 of the pull's size rounds away.
            rounding = 1e-6 * float(strength) * 5
            assert (all_moved - rest_moved).norm() <= CLIP * (1 + 1e-5) + rounding


class InTheLoss(PlainRecipe):
    """The mistake: the pull stands in each record's loss."""

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        assert isinstance(model, nn.Module)
        pull = sum(one.square().sum() for one in model.parameters())
        return super().losses(model, batch) + float(HUGE) / 2 * pull


def test_a_pull_in_the_loss_is_refused(tmp_path: Path) -> None:
    bench = Bench(InTheLoss(), source(tmp_path), clip=CLIP)
    with pytest.raises(UnsupportedLayer, match="outside the layer"):
        bench.sum([0])


@pytest.mark.parametrize("average", [False, True])
def test_a_round_is_that_of_plain_arithmetic(tmp_path: Path, average: bool) -> None:
    recipe = PlainRecipe(learning_rate=0.05, average=average)
    run = plain_run(tmp_path, recipe=recipe, mechanism=still(6), proximal=Decimal(4))
    trained = train(run, CountingGate())
    model = begun_model(run).double()
    records = made_up(200, 7, tmp_path)
    parts = [records.picked([place]) for place in range(200)]
    start = flat(dict(model.named_parameters())).clone()
    at, passed = start.clone(), []
    for _ in range(6):
        grad = clipped_sum(Doubled(), model, parts, 1.0) / 200 + 4.0 * (at - start)
        at = at - 0.05 * grad
        torch.nn.utils.vector_to_parameters(at, model.parameters())
        passed.append(at)
    wanted = torch.stack(passed).mean(0) if average else at
    assert torch.allclose(flat(trained.weights).double(), wanted, rtol=1e-4, atol=1e-5)


class Doubled(PlainRecipe):
    """The same in float64."""

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        return super().losses(model, {name: one.double() for name, one in batch.items()})


def test_a_pull_keeps_a_round_near_its_start(tmp_path: Path) -> None:
    def went(strength: str | None) -> float:
        run = plain_run(tmp_path, recipe=PlainRecipe(learning_rate=0.1), mechanism=still(20))
        pull = None if strength is None else Decimal(strength)
        start = flat(dict(begun_model(run).named_parameters()))
        moved = train(replace(run, proximal=pull), CountingGate())
        return float((flat(moved.weights) - start).norm())

    assert went(None) > 1.5 * went("1") > 1.5 * went("10")


def test_what_stays_at_the_site_is_not_pulled(tmp_path: Path) -> None:
    class Personal(PlainRecipe):
        kept = frozenset({"bias"})

    def trained(strength: Decimal | None) -> tuple[Tensor, Tensor]:
        run = plain_run(
            tmp_path, recipe=Personal(learning_rate=0.1), mechanism=still(1), proximal=strength
        )
        # In the first step nothing is away from its start yet: only later ones differ.
        done = train(replace(run, mechanism=still(2)), CountingGate())
        return flat(done.weights), flat(done.kept)

    shared, kept = trained(None)
    pulled, kept_too = trained(Decimal(5))
    assert not torch.allclose(shared, pulled, rtol=1e-3)
    assert (kept - kept_too).abs() < 0.05


def test_a_pull_beyond_its_target_is_refused_before_a_step(tmp_path: Path) -> None:
    gate = CountingGate()
    run = plain_run(tmp_path, recipe=PlainRecipe(learning_rate=0.5), proximal=Decimal("2.1"))
    with pytest.raises(NumberInvalid, match="beyond its target"):
        train(run, gate)
    assert gate.passed == []
    adam = PlainRecipe(learning_rate=0.5, optimizer="adam")
    train(replace(run, recipe=adam), gate)


def test_a_run_that_goes_on_is_pulled_to_where_it_began(tmp_path: Path) -> None:
    kept = Resumption(path=tmp_path / "state", run=digest_of("test", b"run"), every=1)

    def crash(step: int) -> None:
        if step == 3:
            raise OSError("the power went out")

    given = {"mechanism": still(6), "proximal": Decimal(3), "resumption": kept}
    run = plain_run(tmp_path, **given)
    with pytest.raises(TrainingFailed):
        train(replace(run, on_step=crash), CountingGate())
    again = Resumption(path=kept.path, run=kept.run, charged=3, every=1)
    on = train(replace(run, resumption=again), CountingGate())
    whole = train(replace(run, resumption=None), CountingGate())
    assert torch.allclose(flat(on.weights), flat(whole.weights), rtol=1e-5, atol=1e-6)


def test_noise_is_as_loud_with_a_pull(tmp_path: Path) -> None:
    proof = train(plain_run(tmp_path, proximal=Decimal(10)), CountingGate()).proof
    assert proof.largest_contribution <= 1 + 1e-5
    assert proof.noise_variance == pytest.approx(1, abs=0.2)
