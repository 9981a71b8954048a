"""The ledger before every step: what a run may take, what it costs, and when nothing leaves."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from torch import Tensor

from securefed.adapters.opacus_training.run import Resumption, TrainingRun
from securefed.adapters.opacus_training.training import train
from securefed.domain.identifiers import Name
from securefed.domain.round import Round, RoundId, RoundState
from securefed.domain.token import Execution, RunToken
from securefed.errors import RunCancelled, RunDeparted, TrainingFailed, TransitionInvalid
from securefed.parties.site import SiteParty
from securefed.recipes.recipe import Batch, Forward
from securefed.steps.meter_round import (
    RoundMeter,
    abort_round,
    find_round,
    reserve_round,
    settle_round,
)
from tests.adapters.opacus_training.plain import PlainRecipe, plain_run
from tests.world import World, digest

pytestmark = pytest.mark.slow

STEPS = 8


class Metered:
    """A site with an approved attempt of some steps, and a run of exactly that mechanism."""

    def __init__(self, folder: Path, **more: object) -> None:
        world = World(steps=STEPS, rate=Decimal("0.2"), noise=Decimal(40))
        self.site: SiteParty = world.site()
        id = RoundId(request=world.approved(self.site), round=1, attempt=1)
        self.token: RunToken = reserve_round(self.site.ledger, id, world.entropy)
        asked = self.token.execution.training
        self.run: TrainingRun = plain_run(folder, mechanism=asked, **more)

    @property
    def attempt(self) -> Round:
        return find_round(self.site.ledger, self.token.id)

    def meter(self, block: int) -> RoundMeter:
        return RoundMeter(self.site.ledger, self.token, block)

    def executed(self, training: object) -> Execution:
        return replace(self.token.execution, training=training)


@pytest.mark.parametrize("block", [1, 3, 100])
def test_a_whole_run_is_charged_and_commits(tmp_path: Path, block: int) -> None:
    one = Metered(tmp_path)
    trained = train(one.run, meter := one.meter(block))
    meter.settle(one.executed(trained.executed), (digest("update"),))
    assert (one.attempt.state, one.attempt.steps_charged) == (RoundState.COMMITTED, STEPS)


def test_each_block_is_charged_before_its_first_step(tmp_path: Path) -> None:
    one = Metered(tmp_path)
    charged: list[int] = []
    run = replace(one.run, on_step=lambda _: charged.append(one.attempt.steps_charged))
    train(run, one.meter(3))
    assert charged == [3, 3, 3, 6, 6, 6, 8, 8]


class FailingAt(PlainRecipe):
    """Fails in its real batches from one on; made-up ones are small."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._left = at

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        if len(batch["y"]) > 15:
            self._left -= 1
            if self._left == 0:
                raise ZeroDivisionError
        return super().losses(model, batch)


def test_a_run_that_a_record_ended_stays_charged_for_its_block_and_releases_nothing(
    tmp_path: Path,
) -> None:
    one = Metered(tmp_path, recipe=FailingAt(3))
    with pytest.raises(TrainingFailed):
        train(one.run, one.meter(4))
    assert one.attempt.steps_charged == 4
    abort_round(one.site.ledger, one.token.id, Name("training-failed"))
    assert (one.attempt.state, one.attempt.steps_charged) == (RoundState.ABORTED, 4)
    with pytest.raises(TransitionInvalid):
        settle_round(one.site.ledger, one.token, one.token.execution, (digest("update"),))


def test_a_cancelled_run_stays_charged(tmp_path: Path) -> None:
    done: list[int] = []
    one = Metered(tmp_path, on_step=done.append, cancelled=lambda: len(done) == 3)
    with pytest.raises(RunCancelled):
        train(one.run, one.meter(2))
    assert one.attempt.steps_charged == 4


def test_an_attempt_that_was_aborted_meanwhile_lets_no_step_run(tmp_path: Path) -> None:
    done: list[int] = []

    def abort(step: int) -> None:
        done.append(step)
        if step == 2:
            abort_round(one.site.ledger, one.token.id, Name("withdrawn"))

    one = Metered(tmp_path, on_step=abort)
    with pytest.raises(TransitionInvalid):
        train(one.run, one.meter(1))
    assert done == [1, 2]


@pytest.mark.parametrize(
    "change",
    [
        {"noise_multiplier": Decimal(39)},
        {"sampling_rate": Decimal("0.3")},
        {"clip": Decimal(2)},
        {"steps": 7},
    ],
)
def test_a_run_that_departs_is_not_committed(tmp_path: Path, change: dict[str, object]) -> None:
    one = Metered(tmp_path)
    run = replace(one.run, mechanism=replace(one.run.mechanism, **change))
    trained = train(run, meter := one.meter(STEPS))
    with pytest.raises(RunDeparted):
        meter.settle(one.executed(trained.executed), (digest("update"),))
    assert one.attempt.state is RoundState.ABORTED


def test_a_run_of_more_steps_than_allowed_stops_at_the_gate(tmp_path: Path) -> None:
    done: list[int] = []
    one = Metered(tmp_path, on_step=done.append)
    run = replace(one.run, mechanism=one.run.mechanism.repeated(STEPS + 1))
    with pytest.raises(TransitionInvalid):
        train(run, one.meter(4))
    assert done == list(range(1, STEPS + 1))


@pytest.mark.parametrize(
    ("block", "every", "at"), [(1, 1, 3), (3, 2, 5), (4, 3, 1), (8, 8, 3), (2, 5, 5)]
)
def test_a_run_that_goes_on_after_a_crash_charges_each_step_once_and_commits(
    tmp_path: Path, block: int, every: int, at: int
) -> None:
    taken: list[int] = []

    def crash(step: int) -> None:
        taken.append(step)
        if len(taken) == at:
            raise OSError("the power went out")

    one = Metered(tmp_path, on_step=crash)
    state = Resumption(path=tmp_path / "state", run=digest("run"), every=every)
    with pytest.raises(TrainingFailed):
        train(replace(one.run, resumption=state), one.meter(block))
    charged = one.attempt.steps_charged
    again = replace(state, charged=charged)
    trained = train(replace(one.run, resumption=again), meter := one.meter(block))
    assert taken == [*range(1, at + 1), *range(charged + 1, STEPS + 1)]
    assert trained.lost_steps == charged - at // every * every
    meter.settle(one.executed(trained.executed), (digest("update"),))
    assert one.attempt.steps_charged == STEPS
