"""What each of two processes does in `test_ranks`, story after story; writes down what it saw."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from securefed.adapters.opacus_training.run import Resumption, TrainingRun
from securefed.adapters.opacus_training.training import begun_model, train
from securefed.domain.canonical import digest_of
from securefed.errors import SecurefedError
from securefed.recipes.recipe import Batch, Forward
from tests.adapters.opacus_training.plain import (
    CountingGate,
    PlainRecipe,
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

RANK = int(os.environ["RANK"])
RUN = digest_of("test", b"run")


class Failing(PlainRecipe):
    """Fails in one of the processes, on real records."""

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        if RANK == 1 and len(batch["y"]) > 20:
            raise ValueError
        return super().losses(model, batch)


class Breaking(CountingGate):
    def before_step(self, step: int) -> None:
        if step == 3:
            raise OSError("the disk is full")


def ended(run: TrainingRun, gate: CountingGate) -> list[object]:
    """By what a run ended, and after how many steps."""
    done: list[int] = []
    try:
        train(replace(run, on_step=done.append), gate)
    except SecurefedError as error:
        return [type(error).__name__, len(done)]
    return ["", len(done)]


def whole(folder: Path) -> dict[str, object]:
    drawn: list[list[int]] = []
    data = WatchedSource(folder, 200, drawn.append)
    trained = train(plain_run(folder, source=data, mechanism=mechanism(6)), CountingGate())
    return {
        "weights": flat(trained.weights).tolist(),
        "executed": trained.executed.steps,
        "drawn": drawn,
    }


def summed(folder: Path) -> dict[str, object]:
    run = plain_run(folder, source=source(folder, 21), mechanism=still(1))
    before = begun_model(run)
    moved = flat(dict(before.named_parameters())) - flat(train(run, CountingGate()).weights)
    everything = made_up(21, 7, folder)
    expected = clipped_sum(run.recipe, before, [everything.picked([i]) for i in range(21)], 1.0)
    apart = (moved.double() / run.recipe.settings.learning_rate * 21 - expected).norm()
    return {"sum_error": (apart / expected.norm()).item()}


def noised(folder: Path) -> dict[str, object]:
    recipe = WideRecipe(learning_rate=1e-9)
    asked = mechanism(1, noise="2", rate="1e-12", clip="0.5")
    run = plain_run(folder, recipe=recipe, mechanism=asked)
    before = flat(dict(begun_model(run).named_parameters())).double()
    moved = before - flat(train(run, CountingGate()).weights).double()
    noise = moved * (1e-12 * 200) / 1e-9
    return {"noise_share": noise.square().mean().item(), "noise_samples": len(noise)}


def alone(folder: Path) -> dict[str, object]:
    run = plain_run(folder, source=source(folder, 1), mechanism=mechanism(20, rate="0.5"))
    return {"one_unit": train(run, CountingGate()).executed.steps}


def stopped(folder: Path) -> dict[str, object]:
    run = plain_run(folder, steps=9)
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    return {
        "refused": ended(run, RefusingGate(3)),
        "broken": ended(run, Breaking()),
        "cancelled": ended(replace(run, cancelled=cancelled), CountingGate()),
    }


def gone_on(folder: Path) -> dict[str, object]:
    state = Resumption(path=folder / "state", run=RUN, every=2)
    run = plain_run(folder, mechanism=still(6), resumption=state)
    ended(run, RefusingGate(4))
    done: list[int] = []
    again = replace(run, resumption=replace(state, charged=4), on_step=done.append)
    trained = train(again, CountingGate())
    other = replace(run, resumption=replace(state, charged=6 - RANK))
    return {
        "resumed": [trained.lost_steps, *flat(trained.weights).tolist()],
        "resumed_steps": done,
        "charges": ended(other, CountingGate()),
    }


def failed(folder: Path) -> dict[str, object]:
    run = plain_run(folder, recipe=Failing(), mechanism=mechanism(5, rate="1"))
    return {"failed": ended(run, CountingGate())}


STORIES: list[Callable[[Path], dict[str, object]]] = [
    *(whole, summed, noised, alone, stopped, gone_on, failed),
]


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    seen: dict[str, object] = {}
    for story in STORIES:
        seen |= story(folder)
        (folder / f"rank{RANK}.json").write_text(json.dumps(seen))
    sys.exit(3)


if __name__ == "__main__":
    main()
