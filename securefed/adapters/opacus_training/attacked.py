"""The engine as an audit attacks it: the same training, with what it released as plain arrays.

Nothing is changed or left out for an audit: the self-test, sampling, clipping, noise and gate are
those of every run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from securefed.adapters.opacus_training.batches import unit_batch
from securefed.adapters.opacus_training.run import StepGate, TrainingRun
from securefed.adapters.opacus_training.training import first_model, train
from securefed.adapters.opacus_training.weights import put, shared_parameters
from securefed.domain.privacy import DpSgd
from securefed.recipes.files.source import RecordSource
from securefed.recipes.recipe import Recipe
from securefed.recipes.records import Records

Weights: TypeAlias = Mapping[str, NDArray[np.float64]]

_TOGETHER: Final = 1024


@dataclass(frozen=True, kw_only=True)
class Released:
    """What left, and the self-test's figures."""

    weights: Weights
    largest_contribution: float
    noise_variance: float


class AttackedEngine:
    """Trains on made-up records, and tells a model's losses on them."""

    def train(
        self,
        recipe: Recipe,
        source: RecordSource,
        mechanism: DpSgd,
        gate: StepGate,
        on_step: Callable[[int], None],
    ) -> Released:
        """One run from the recipe's first weights."""
        run = TrainingRun(
            recipe=recipe, source=source, mechanism=mechanism, device="cpu", on_step=on_step
        )
        trained = train(run, gate)
        return Released(
            weights={name: one.double().numpy() for name, one in trained.weights.items()},
            largest_contribution=trained.proof.largest_contribution,
            noise_variance=trained.proof.noise_variance,
        )

    def losses(self, recipe: Recipe, weights: Weights, records: Records) -> NDArray[np.float64]:
        """The loss of every record, each by itself."""
        model = first_model(recipe)
        tensors = {name: torch.from_numpy(one).float() for name, one in weights.items()}
        put(tensors, shared_parameters(model, recipe))
        model.eval()
        parts = np.array_split(np.arange(len(records)), 1 + len(records) // _TOGETHER)
        with torch.no_grad():
            found = [_losses(recipe, model, records.picked(part.tolist())) for part in parts]
        return np.concatenate(found)


def _losses(recipe: Recipe, model: nn.Module, records: Records) -> NDArray[np.float64]:
    batch = unit_batch(recipe, records, [1] * len(records), torch.device("cpu"))
    found: NDArray[np.float64] = recipe.losses(model, batch.tensors).double().numpy()
    return found
