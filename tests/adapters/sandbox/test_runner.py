"""The runner behind real walls: two rounds of one run, charged step by step, and one that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import securefed
from securefed.adapters.sandbox import SandboxedRun, SandboxWalls
from securefed.adapters.this_machine.probe import files_digest
from securefed.domain.identifiers import Version
from securefed.domain.privacy import GaussianRelease
from securefed.domain.records import from_bytes
from securefed.domain.run_order import (
    ABOUT,
    METRICS,
    UPDATE,
    WEIGHTS,
    AboutUpdate,
    NoisyMetrics,
    RunOrder,
)
from securefed.domain.site import Sandbox
from securefed.domain.talk import Begin, End
from securefed.domain.token import Execution
from securefed.domain.walls import Ending, Limits
from securefed.errors import RunEnded, TrainingFailed
from securefed.steps.attend_run import attend_round, await_run
from tests.adapters.opacus_training.plain import CountingGate, mechanism
from tests.adapters.ordered import an_order, expected, people, row_of, with_given
from tests.adapters.sandbox.grounds import an_enclosure, needs_linux
from tests.adapters.sandbox.hearing import BOTH

pytestmark = [pytest.mark.slow, needs_linux]

LIMITS = Limits(memory_bytes=3 * 2**30, idle_s=60)
RELEASE = GaussianRelease(noise_multiplier=mechanism(1, noise="4").noise_multiplier, releases=1)


@contextmanager
def runner(folder: Path, sandbox: Sandbox, data: Path) -> Iterator[SandboxedRun]:
    """A runner that waits for its first round."""
    enclosure = an_enclosure(folder, sandbox, data=(data,), limits=LIMITS)
    arguments = ("-m", "securefed.wiring.runner")
    run = SandboxWalls(folder).start(replace(enclosure, arguments=arguments))
    try:
        await_run(run)
        yield run
    finally:
        run.stop()


def one_round(run: SandboxedRun, order: RunOrder, folder: Path) -> tuple[Execution, dict]:
    """What a round executed, and the files that it made."""
    charged = CountingGate()
    steps = order.training.steps
    done = attend_round(run, Begin(document=order.text()), charged, steps)
    assert charged.passed == list(range(1, steps + 1))
    taken = {}
    folder.mkdir()
    for name in done.files:
        run.take(name, folder / name, 2**16)
        taken[name] = (folder / name).read_bytes()
    run.empty()
    return done.executed, taken


@BOTH
def test_two_rounds_behind_walls(tmp_path: Path, sandbox: Sandbox) -> None:
    order = replace(an_order(people(tmp_path)), metrics=RELEASE)
    layout, update = expected(order)
    with runner(tmp_path, sandbox, Path(order.data)) as run:
        executed, made = one_round(run, order, tmp_path / "1")
        assert executed == Execution(
            code=files_digest(Path(securefed.__file__).parent),
            own_code=None,
            data=order.digest,
            engine=Version(securefed.__version__),
            training=order.training,
            metrics=RELEASE,
        )
        assert set(made) == {UPDATE, ABOUT, METRICS}
        np.testing.assert_allclose(row_of(made[UPDATE]), update, rtol=1e-4, atol=1e-6)
        about = from_bytes(AboutUpdate, made[ABOUT])
        assert (about.layout, about.parameters) == (layout.digest, layout.parameters)
        assert len(from_bytes(NoisyMetrics, made[METRICS]).tally) == 24
        run.give(WEIGHTS, tmp_path / "1" / UPDATE)  # it began at zero
        second = with_given(replace(order, metrics=None), WEIGHTS)
        executed, made = one_round(run, second, tmp_path / "2")
        assert (executed.metrics, set(made)) == (None, {UPDATE, ABOUT})
        _, update = expected(order, row_of((tmp_path / "1" / UPDATE).read_bytes()))
        np.testing.assert_allclose(row_of(made[UPDATE]), update, rtol=1e-4, atol=1e-6)
        run.say(End())
        with pytest.raises(RunEnded, match=Ending.EXITED):
            run.hear()
    assert (tmp_path / "log").read_text() == ""


@BOTH
def test_a_round_that_fails_says_its_code_and_no_more(tmp_path: Path, sandbox: Sandbox) -> None:
    order = an_order(people(tmp_path))
    people(tmp_path, seed=2)
    with runner(tmp_path, sandbox, Path(order.data)) as run:
        charged = CountingGate()
        with pytest.raises(TrainingFailed) as caught:
            attend_round(run, Begin(document=order.text()), charged, 3)
        assert (caught.value.where, charged.passed) == ("data-drifted", [])
    assert "DataDrifted" in (tmp_path / "log").read_text()


@BOTH
def test_what_cannot_be_loaded_ends_the_run_before_it_is_ready(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    enclosure = an_enclosure(tmp_path, sandbox, limits=replace(LIMITS, memory_bytes=2**26))
    arguments = ("-m", "securefed.wiring.runner")
    run = SandboxWalls(tmp_path).start(replace(enclosure, arguments=arguments))
    with pytest.raises(RunEnded):
        await_run(run)
    run.stop()
