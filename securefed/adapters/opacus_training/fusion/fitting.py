"""Plain training, without clipping or noise: of a teacher, which never leaves its site, and of the
student, which sees public records alone.

Everything that it draws comes from its own seed, so that one teacher's training has no influence on
another's: were there one chance for all, a record more for the first would change all that follow.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.batches import UnitBatch, UnitBatches
from securefed.adapters.opacus_training.optimising import MeanOfIterates, optimizer_for
from securefed.adapters.opacus_training.precision import Precision
from securefed.adapters.opacus_training.weights import trained_parameters
from securefed.errors import LossUnusable
from securefed.recipes.files.source import Numbers, RecordSource
from securefed.recipes.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What one model learns from: these units of a source, so often, so many to a step. It begins
    as a copy of `first`, which has seen public records at most."""

    recipe: Recipe
    first: nn.Module
    source: RecordSource
    units: Numbers
    epochs: int
    batch: int
    seed: int
    device: torch.device


def fitted(lesson: Lesson) -> nn.Module:
    """The recipe's model after its lesson; as it begins where there are no units."""
    chance = np.random.default_rng(lesson.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(lesson.seed)
        model = _begun(lesson.first).train()
        learning = _Learning(lesson, model, chance)
        for _ in range(lesson.epochs):
            order = chance.permutation(lesson.units)
            for start in range(0, len(order), lesson.batch):
                learning.step(order[start : start + lesson.batch])
        learning.end()
    return model


def _begun(first: nn.Module) -> nn.Module:
    """A model of one's own. What is frozen is public and stays as it is, so it is not copied."""
    frozen = {id(one): one for one in first.parameters() if not one.requires_grad}
    return copy.deepcopy(first, frozen)


class _Learning:
    """One model's steps."""

    def __init__(self, lesson: Lesson, model: nn.Module, chance: np.random.Generator) -> None:
        settings = lesson.recipe.settings
        self._recipe, self._model, self._device = lesson.recipe, model, lesson.device
        self._parameters = trained_parameters(model)
        self._optimizer = optimizer_for(settings, self._parameters.values())
        self._precision = Precision(settings.precision)
        self._mean = MeanOfIterates(self._parameters) if settings.average else None

        def words(count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
            return chance.integers(0, 2**64, count, np.uint64)

        self._batches = UnitBatches(lesson.recipe, lesson.source, words, lesson.device)

    def step(self, units: Numbers) -> None:
        """One step down the mean loss of these units."""
        self._optimizer.zero_grad(set_to_none=True)
        for batch in self._batches.of(units):
            loss = self._loss(batch) * (self._precision.scale / len(units))
            loss.backward()  # type: ignore[no-untyped-call] # torch has no type for it
        self._precision.unscale(self._parameters.values())
        self._optimizer.step()
        if self._mean is not None:
            self._mean.add()

    def end(self) -> None:
        """Leaves the model as the recipe wants it."""
        if self._mean is not None and self._mean.count:
            self._mean.put()

    def _loss(self, batch: UnitBatch) -> Tensor:
        with self._precision.forward(self._device):
            losses = self._recipe.losses(self._model, batch.tensors)
        return (checked(losses, len(batch.weight)).float() * batch.weight).sum()


def checked(losses: Tensor, records: int) -> Tensor:
    """One loss for each record, or LossUnusable."""
    if losses.shape != (records,):
        raise LossUnusable(f"The loss has the shape {list(losses.shape)} for {records} records")
    return losses
