"""Defects planted in the real engine, behind its self-test, are found; the right engine passes."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from securefed.adapters.odometer import Odometer
from securefed.adapters.opacus_training.attacked import AttackedEngine
from securefed.adapters.opacus_training.loop import Loop
from securefed.adapters.opacus_training.mechanism import Numbers
from securefed.adapters.opacus_training.noise import StepNoise
from securefed.adapters.opacus_training.randomness.parallel import ParallelNormals
from securefed.adapters.privacy_attack import Attack, Extent
from securefed.adapters.privacy_attack.canary_run import CanaryRun, Crowd, canary_run
from securefed.adapters.privacy_attack.direct import direct_lines
from securefed.adapters.privacy_attack.extent import mechanism
from securefed.adapters.privacy_attack.lower_bounds import bound_line
from securefed.domain.attack import AttackLine, AttackReport, Outcome
from securefed.errors import BudgetInsufficient

pytestmark = pytest.mark.slow

CROWD = Crowd(canaries=400, idle=1500, ordinary=100)
SAMPLED = mechanism("1.386", "0.1", 60)
WHOLE = mechanism("4.32", "1", 16)

NOISE = "noise of the released weights"
FRESH = "noise of one run against another's"
ADDS = "what one loud record adds"
NUMBERS = "how many records a step draws"
WHO = "who is drawn, step after step"
GATE = "every step asks the gate"
STOPPED = "a run whose budget ends"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def runs() -> list[CanaryRun]:
    coins = np.random.default_rng()
    return [canary_run(AttackedEngine(), CROWD, one, coins) for one in (SAMPLED, SAMPLED, WHOLE)]


def alarms(lines: list[AttackLine]) -> set[str]:
    return {line.tried for line in lines if line.outcome is Outcome.ALARM}


def found() -> set[str]:
    """What the direct tests raise an alarm about."""
    return alarms(direct_lines(runs()))


def audited() -> AttackReport:
    extent = Extent(crowd=CROWD, mechanisms=(SAMPLED, WHOLE), shadows=0)
    attack = Attack(
        engine=AttackedEngine(),
        accountant=Odometer(),
        extent=extent,
        coins=np.random.default_rng(),
    )
    return attack.run()


def plant(monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Loop], None]) -> None:
    """Lets the engine be made and tested as it is, and spoils its steps."""
    right = Loop.__init__

    def wrong(loop: Loop, *given: object) -> None:
        right(loop, *given)
        spoil(loop)

    monkeypatch.setattr(Loop, "__init__", wrong)


def with_noise(loop: Loop, add_to: Callable[[Tensor, float], None]) -> None:
    class Wrong:
        def add_to(self, values: Tensor, *, scale: float) -> None:
            add_to(values, scale)

    noise = StepNoise(Wrong(), loop._step.noise._deviation)
    loop._step = replace(loop._step, noise=noise)


def with_draws(loop: Loop, draw: Callable[[int], np.ndarray]) -> None:
    class Wrong:
        def draw(self) -> np.ndarray:
            return np.sort(draw(loop._run.source.units)).astype(np.int64)

    if loop._run.mechanism is SAMPLED:
        spoiled: Any = loop
        spoiled._sampler = Wrong()


def test_the_right_engine_passes() -> None:
    for _ in range(3):
        assert found() == set()


@pytest.mark.parametrize("times", [0.5, 0.75, 1.5])
def test_noise_of_another_size(monkeypatch: pytest.MonkeyPatch, times: float) -> None:
    normals = ParallelNormals.opened()
    plant(
        monkeypatch,
        lambda loop: with_noise(loop, lambda values, s: normals.add_to(values, scale=s * times)),
    )
    assert NOISE in found()


def test_noise_that_comes_again_in_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def again(loop: Loop) -> None:
        kept = torch.zeros(8 + CROWD.canaries + CROWD.idle)
        ParallelNormals.opened().add_to(kept, scale=1.0)
        with_noise(loop, lambda values, scale: values.add_(scale * kept.view_as(values)))

    plant(monkeypatch, again)
    assert NOISE in found()


def test_noise_from_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right in every run by itself, and the same in all of them."""

    def seeded(loop: Loop) -> None:
        chance = np.random.default_rng(42)

        def add(values: Tensor, scale: float) -> None:
            drawn = torch.from_numpy(chance.normal(size=values.numel())).float()
            values.add_(scale * drawn.view_as(values))

        with_noise(loop, add)

    plant(monkeypatch, seeded)
    assert found() == {FRESH}


def test_a_clip_that_is_not_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    def unclipped(loop: Loop) -> None:
        loop._step = replace(loop._step, clip=1e9)

    plant(monkeypatch, unclipped)
    assert ADDS in found()


def test_a_clip_that_is_twice_as_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    def wide(loop: Loop) -> None:
        loop._step = replace(loop._step, clip=2 * loop._step.clip)

    plant(monkeypatch, wide)
    assert found() == {ADDS}


def test_every_record_in_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, lambda loop: with_draws(loop, np.arange))
    assert found() >= {NUMBERS, WHO, ADDS}


def test_batches_of_a_fixed_size(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng()
    plant(
        monkeypatch,
        lambda loop: with_draws(
            loop, lambda units: chance.choice(units, units // 10, replace=False)
        ),
    )
    assert found() == {NUMBERS}


def test_shuffled_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng()

    def shuffled(loop: Loop) -> None:
        waiting: list[np.ndarray] = []

        def draw(units: int) -> np.ndarray:
            if not waiting:
                waiting.extend(np.array_split(chance.permutation(units), 10))
            return waiting.pop()

        with_draws(loop, draw)

    plant(monkeypatch, shuffled)
    assert WHO in found()


def test_a_subset_that_is_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(
        monkeypatch,
        lambda loop: with_draws(
            loop, lambda units: np.flatnonzero(np.random.default_rng(1).random(units) < 0.1)
        ),
    )
    assert WHO in found()


def test_steps_that_are_taken_two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The charge forgotten for half of them; the engine counts one."""
    right = Loop._take_step

    def twice(loop: Loop) -> None:
        right(loop)
        right(loop)

    monkeypatch.setattr(Loop, "_take_step", twice)
    assert found() >= {NOISE, ADDS, NUMBERS}


def test_a_gate_that_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Loop, "_pass_gate", lambda loop, step: None)
    assert found() >= {GATE, NUMBERS, WHO}
    assert STOPPED in alarms(list(audited().lines))


def test_a_gate_that_is_asked_for_one_step_and_let_four_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = Loop._pass_gate

    def seldom(loop: Loop, step: int) -> None:
        if step % 4 == 1:
            right(loop, step)

    monkeypatch.setattr(Loop, "_pass_gate", seldom)
    assert GATE in found()


def test_a_gate_that_is_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Loop._pass_gate

    def ignored(loop: Loop, step: int) -> None:
        with suppress(BudgetInsufficient):
            right(loop, step)

    monkeypatch.setattr(Loop, "_pass_gate", ignored)
    assert found() == set()
    assert alarms(list(audited().lines)) == {STOPPED}


def test_a_gate_that_is_asked_after_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Loop._take_step

    def early(loop: Loop, step: int) -> None:
        right(loop)
        loop._gate.before_step(step)

    monkeypatch.setattr(Loop, "_pass_gate", early)
    monkeypatch.setattr(Loop, "_take_step", lambda loop: None)
    assert GATE in found()


def test_what_the_self_test_refuses_is_an_alarm_too(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Numbers.step_noise
    monkeypatch.setattr(
        Numbers,
        "step_noise",
        lambda numbers: right(replace(numbers, deviation=numbers.deviation / 2)),
    )
    report = audited()
    assert [line.tried for line in report.alarms] == ["the engine runs as it was told to"]
    assert "self_test_failed" in report.lines[0].result.replace("-", "_")
    assert len(report.lines) == 1


def test_the_bounds_alone_find_a_tenth_of_the_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The direct tests know where to look; a bound needs no idea of what is wrong."""
    claimed = mechanism("3.94", "0.1", 100)
    crowd = Crowd(canaries=2000, idle=100, ordinary=100)

    def line() -> AttackLine:
        run = canary_run(AttackedEngine(), crowd, claimed, np.random.default_rng())
        return bound_line(run, Odometer())

    right = line()
    assert right.outcome is Outcome.PASSED
    normals = ParallelNormals.opened()
    plant(
        monkeypatch,
        lambda loop: with_noise(loop, lambda values, s: normals.add_to(values, scale=s / 10)),
    )
    wrong = line()
    assert wrong.outcome is Outcome.ALARM
    assert wrong.figures["epsilon_at_least_fdp"] > wrong.figures["epsilon_accounted"]
    assert wrong.figures["epsilon_at_least_steinke"] > wrong.figures["epsilon_accounted"]
    assert "above what is accounted" in wrong.result
