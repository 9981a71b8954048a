"""The steps of a run, one after another: gate, draw, step, and now and then a checkpoint.

A step that the gate let through is never drawn a second time: a run that goes on after a crash
begins behind the last step that was charged, and those that it cannot know about are lost.
"""

from collections.abc import Iterator

import torch
from torch import nn

from securefed.adapters.opacus_training.batches import UnitBatch, UnitBatches
from securefed.adapters.opacus_training.checkpoint import (
    Checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from securefed.adapters.opacus_training.clipping import ClippingModule
from securefed.adapters.opacus_training.mechanism import Numbers
from securefed.adapters.opacus_training.optimising import MeanOfIterates, optimizer_for
from securefed.adapters.opacus_training.precision import Precision
from securefed.adapters.opacus_training.progress import Progress
from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose
from securefed.adapters.opacus_training.ranks import Ranks
from securefed.adapters.opacus_training.run import StepGate, TrainingRun
from securefed.adapters.opacus_training.step import Pull, Step
from securefed.adapters.opacus_training.sums import ClippedSums
from securefed.adapters.opacus_training.weights import trained_parameters
from securefed.errors import CheckpointUnusable, RunCancelled, TrainingFailed


class Loop:
    """One run's steps."""

    def __init__(
        self,
        run: TrainingRun,
        gate: StepGate,
        ranks: Ranks,
        numbers: Numbers,
        model: nn.Module,
        module: ClippingModule,
        device: torch.device,
        pull: Pull | None = None,
    ) -> None:
        self._run, self._gate, self._ranks = run, gate, ranks
        self.steps = 0
        parameters = trained_parameters(model)
        settings = run.recipe.settings
        optimizer = optimizer_for(settings, parameters.values(), float(run.rate_factor))
        self.progress = Progress(
            parameters=parameters,
            optimizer=optimizer,
            mean=MeanOfIterates(parameters) if settings.average else None,
        )
        self._sampler = numbers.sampler(ranks.share(run.source.units))
        words = KeyStream(Purpose.SAMPLING).words
        self._batches = UnitBatches(run.recipe, run.source, words, device)
        self._step = Step(
            sums=ClippedSums(
                recipe=run.recipe,
                module=module,
                parameters=tuple(parameters.values()),
                precision=Precision(settings.precision),
            ),
            optimizer=optimizer,
            noise=numbers.step_noise(),
            clip=numbers.clip,
            expected_units=numbers.expected_units,
            ranks=ranks,
            pull=pull,
            # Among several processes one cannot leave in the middle of a step: the others wait.
            check=self._check if ranks.world == 1 else lambda: None,
        )

    def run_all(self) -> None:
        """Takes every step that is left, and leaves the model with the final weights."""
        self.steps = self._resumed()
        while self.steps < self._run.mechanism.steps:
            self._pass_gate(self.steps + 1)
            self._take_step()
            self.steps += 1
            self._keep_state()
            self._run.on_step(self.steps)
        if self.progress.mean is not None and self.progress.mean.count:
            self.progress.mean.put()
        self._refuse_diverged()

    def _pass_gate(self, step: int) -> None:
        if not self._ranks.first:
            self._ranks.go()
            return
        passed = False
        try:
            self._check()
            self._gate.before_step(step)
            passed = True
        finally:
            if not passed:
                self._ranks.stop()
        self._ranks.go()

    def _take_step(self) -> None:
        self.progress.silenced += self._step.take(self._drawn())
        if self.progress.mean is not None:
            self.progress.mean.add()

    def _drawn(self) -> Iterator[UnitBatch]:
        if self._sampler is not None:
            yield from self._batches.of(self._ranks.own(self._sampler.draw()))

    def _check(self) -> None:
        if self._run.cancelled():
            raise RunCancelled("The run was stopped", where=f"after step {self.steps}")

    def _resumed(self) -> int:
        """The last step that is charged already."""
        kept = self._run.resumption
        if kept is None:
            return 0
        checkpoint = read_checkpoint(kept.path, kept.run)
        reached = 0
        if checkpoint is not None:
            reached = checkpoint.step
            self.progress.restore(dict(checkpoint.tensors))
        if not reached <= kept.charged <= self._run.mechanism.steps:
            raise CheckpointUnusable(
                f"The state is that after step {reached}, and {kept.charged} of "
                f"{self._run.mechanism.steps} steps are charged"
            )
        self._ranks.same(reached)
        self._ranks.same(kept.charged)
        self.progress.lost_steps += kept.charged - reached
        return kept.charged

    def _keep_state(self) -> None:
        kept = self._run.resumption
        if kept is not None and self._ranks.first and self.steps % kept.every == 0:
            tensors = self.progress.tensors()
            write_checkpoint(kept.path, Checkpoint(run=kept.run, step=self.steps, tensors=tensors))

    def _refuse_diverged(self) -> None:
        for name, one in self.progress.parameters.items():
            if not one.isfinite().all():
                raise TrainingFailed("The weights are not finite any more", where=name)
