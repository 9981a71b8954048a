"""A run that ended and goes on: nothing twice, nothing uncharged, everything else as it was."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from securefed.adapters.opacus_training.run import Resumption, Trained, TrainingRun
from securefed.adapters.opacus_training.training import train
from securefed.domain.canonical import digest_of
from securefed.errors import CheckpointUnusable, NumberInvalid, TrainingFailed
from securefed.recipes.files.in_memory import MemorySource
from tests.adapters.opacus_training.plain import (
    COLUMNS,
    RECORD,
    CountingGate,
    PlainRecipe,
    Refused,
    RefusingGate,
    WideRecipe,
    flat,
    made_up,
    mechanism,
    plain_run,
    still,
    with_cells,
)

pytestmark = pytest.mark.slow

RUN = digest_of("test", b"run")
SETTINGS = {
    "plain": {},
    "momentum": {"momentum": 0.9, "weight_decay": 0.01},
    "adam": {"optimizer": "adam", "learning_rate": 0.05},
    "mean": {"average": True},
    "momentum and mean": {"momentum": 0.9, "average": True},
}


def kept(folder: Path, charged: int = 0, every: int = 1) -> Resumption:
    return Resumption(path=folder / "state", run=RUN, charged=charged, every=every)


def crashed(run: TrainingRun, at: int) -> CountingGate:
    """Runs until the step is done, and then ends badly."""

    def crash(step: int) -> None:
        if step == at:
            raise OSError("the power went out")

    gate = CountingGate()
    with pytest.raises(TrainingFailed):
        train(replace(run, on_step=crash), gate)
    return gate


def resumed(run: TrainingRun, charged: int, every: int = 1) -> tuple[Trained, CountingGate]:
    gate = CountingGate()
    assert run.resumption is not None
    again = replace(run.resumption, charged=charged, every=every)
    return train(replace(run, resumption=again), gate), gate


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("at", [1, 4, 6])
def test_a_run_that_goes_on_ends_where_one_without_a_break_does(
    tmp_path: Path, settings: str, at: int
) -> None:
    recipe = PlainRecipe(**SETTINGS[settings])
    run = plain_run(tmp_path, recipe=recipe, mechanism=still(6), resumption=kept(tmp_path))
    crashed(run, at)
    trained, gate = resumed(run, charged=at)
    whole = train(replace(run, resumption=None), CountingGate())
    assert gate.passed == list(range(at + 1, 7))
    assert torch.allclose(flat(trained.weights), flat(whole.weights), rtol=1e-5, atol=1e-6)
    assert (trained.lost_steps, trained.executed.steps) == (0, 6)


@pytest.mark.parametrize(
    ("at", "every", "charged", "lost"),
    [(4, 3, 5, 2), (2, 3, 5, 5), (5, 5, 5, 0), (5, 2, 10, 6), (10, 4, 10, 2)],
)
def test_steps_that_were_charged_are_lost_and_not_run_again(
    tmp_path: Path, at: int, every: int, charged: int, lost: int
) -> None:
    run = plain_run(tmp_path, mechanism=still(10), resumption=kept(tmp_path, every=every))
    crashed(run, at)
    trained, gate = resumed(run, charged, every)
    assert gate.passed == list(range(charged + 1, 11))
    assert (trained.lost_steps, trained.executed.steps) == (lost, 10)


def test_lost_steps_add_up_over_several_crashes(tmp_path: Path) -> None:
    run = plain_run(tmp_path, mechanism=still(10), resumption=kept(tmp_path, every=2))
    crashed(run, 3)
    crashed(replace(run, resumption=kept(tmp_path, charged=5, every=2)), 6)
    trained, gate = resumed(run, charged=8, every=2)
    assert gate.passed == [9, 10]
    assert trained.lost_steps == 3 + 2


def test_lost_steps_move_nothing(tmp_path: Path) -> None:
    recipe = PlainRecipe(average=True, momentum=0.5)
    run = plain_run(tmp_path, recipe=recipe, mechanism=still(6), resumption=kept(tmp_path))
    crashed(run, 3)
    trained, _ = resumed(run, charged=5)
    shorter = replace(run, mechanism=still(4), resumption=None)
    assert torch.allclose(flat(trained.weights), flat(train(shorter, CountingGate()).weights))


def test_a_gate_that_refused_can_let_the_run_go_on(tmp_path: Path) -> None:
    run = plain_run(tmp_path, mechanism=still(5), resumption=kept(tmp_path))
    with pytest.raises(Refused):
        train(run, RefusingGate(3))
    _, gate = resumed(run, charged=2)
    assert gate.passed == [3, 4, 5]


def test_noise_is_new_after_a_break(tmp_path: Path) -> None:
    # Two runs go on from the same state: whatever they add from there on has nothing in common.
    run = plain_run(
        tmp_path,
        recipe=WideRecipe(),
        mechanism=mechanism(2, rate="1e-12"),
        resumption=kept(tmp_path, every=1),
    )
    crashed(run, 1)
    state = (tmp_path / "state").read_bytes()
    ends = []
    for _ in range(2):
        (tmp_path / "state").write_bytes(state)
        ends.append(flat(resumed(run, charged=1, every=100)[0].weights).double())
    (tmp_path / "state").write_bytes(state)
    begin = flat(resumed(run, charged=2)[0].weights).double()
    first, second = (end - begin for end in ends)
    likeness = (first @ second) / (first.norm() * second.norm())
    assert abs(likeness) < 7 / len(first) ** 0.5


def test_a_state_ahead_of_what_was_charged_is_refused(tmp_path: Path) -> None:
    run = plain_run(tmp_path, mechanism=still(6), resumption=kept(tmp_path))
    crashed(run, 4)
    gate = CountingGate()
    with pytest.raises(CheckpointUnusable):
        train(replace(run, resumption=kept(tmp_path, charged=3)), gate)
    assert gate.passed == []


def test_more_charged_than_there_are_steps_is_refused(tmp_path: Path) -> None:
    run = plain_run(tmp_path, mechanism=still(6), resumption=kept(tmp_path, charged=7))
    with pytest.raises(CheckpointUnusable):
        train(run, CountingGate())


@pytest.mark.parametrize("change", [{"every": 0}, {"every": -1}, {"charged": -1}])
def test_a_resumption_that_makes_no_sense_is_refused(
    tmp_path: Path, change: dict[str, int]
) -> None:
    with pytest.raises(NumberInvalid):
        kept(tmp_path, **change)


@pytest.mark.parametrize("recipe", [WideRecipe(), PlainRecipe(average=True)])
def test_the_state_of_another_model_is_refused(tmp_path: Path, recipe: PlainRecipe) -> None:
    run = plain_run(tmp_path, mechanism=still(6), resumption=kept(tmp_path))
    crashed(run, 2)
    with pytest.raises(CheckpointUnusable):
        resumed(replace(run, recipe=recipe), charged=2)


def test_the_state_of_another_optimiser_does_not_go_on(tmp_path: Path) -> None:
    recipe = PlainRecipe(momentum=0.9)
    run = plain_run(tmp_path, recipe=recipe, mechanism=still(6), resumption=kept(tmp_path))
    crashed(run, 2)
    other = PlainRecipe(optimizer="adam")
    with pytest.raises((CheckpointUnusable, TrainingFailed)):
        resumed(replace(run, recipe=other), charged=2)


def test_a_run_of_which_every_step_is_charged_takes_none(tmp_path: Path) -> None:
    run = plain_run(tmp_path, mechanism=still(3), resumption=kept(tmp_path))
    whole = train(run, CountingGate())
    trained, gate = resumed(run, charged=3)
    assert gate.passed == []
    assert torch.equal(flat(trained.weights), flat(whole.weights))


def test_the_count_of_silenced_units_goes_on(tmp_path: Path) -> None:
    records = with_cells(made_up(20, 7, tmp_path), "x0", {5: float("nan")})
    data = MemorySource(records, COLUMNS, RECORD)
    run = plain_run(tmp_path, source=data, mechanism=still(4), resumption=kept(tmp_path))
    crashed(run, 2)
    assert resumed(run, charged=2)[0].silenced == 4
