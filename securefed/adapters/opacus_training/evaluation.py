"""What a model does on a site's records, as sums of bounded tallies, with noise before they leave.

Each unit adds the mean of its records' tallies, cut to L2 norm one: adding or removing a unit moves
the sum by at most one, which is the sensitivity that a Gaussian release is accounted with. All
units count, none is sampled. A tally that is not finite counts as zero. Metrics are made from the
noisy sum, rounded so that the last digits of a float tell nothing; nothing else is kept.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.batches import UnitBatch, UnitBatches, unit_batch
from securefed.adapters.opacus_training.devices import device_named
from securefed.adapters.opacus_training.randomness.normals import NormalSource
from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.training import begun_model, failures_named
from securefed.domain.numbers import count
from securefed.domain.privacy import GaussianRelease
from securefed.errors import ConfigInvalid, SelfTestFailed
from securefed.recipes.fit import check_fit
from securefed.recipes.recipe import Recipe

_MOCK = 5
_SLACK = 1e-3
# Far below any noise, and far above the last digits of a float64.
_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """Metrics of one release, the noised sum that they are made from, and the release as it was
    made."""

    metrics: Mapping[str, float]
    tally: tuple[float, ...]
    executed: GaussianRelease


def evaluate(run: TrainingRun, release: GaussianRelease) -> Evaluated:
    """The metrics of the run's weights under the release's noise; one release, whatever its
    number."""
    tally = _tally(run)
    noise = NormalSource(KeyStream(Purpose.NOISE), sum_of_four=True)
    scale = math.nextafter(float(release.noise_multiplier), math.inf)
    drawn = noise.draw(tally.shape, scale=scale, dtype=torch.float64)
    noised = (tally + drawn).round(decimals=_DIGITS)
    # Own code could write to what it is given.
    figures = run.recipe.metrics(noised.clone())
    return Evaluated(metrics=figures, tally=tuple(noised.tolist()), executed=release.repeated(1))


def evaluate_public(run: TrainingRun) -> Mapping[str, float]:
    """The metrics without noise: for made-up or published records, never for a site's own."""
    return run.recipe.metrics(_tally(run))


def check_tally(stated: int, recipe: Recipe, model: nn.Module) -> None:
    """Raises ConfigInvalid where the recipe's tallies of a model on the CPU are not as long as the
    study states. One that states nothing relies on nothing."""
    if not stated:
        return
    with failures_named(), torch.no_grad(), TemporaryDirectory(prefix="securefed-") as folder:
        records = recipe.mock(_MOCK, _MOCK, Path(folder))
        batch = unit_batch(recipe, records, [1] * _MOCK, torch.device("cpu"))
        found = _each(recipe, model.eval(), batch).shape[1]
    if found != stated:
        raise ConfigInvalid(
            f"The recipe's tally has {found} numbers, and the study states {stated}",
            where="privacy.metrics.numbers",
            hint=f"Write numbers = {found} under [privacy.metrics].",
        )


def _tally(run: TrainingRun) -> Tensor:
    check_fit(run.recipe, run.source.columns)
    device = device_named(run.device)
    with failures_named(), torch.no_grad():
        model = begun_model(run).to(device).eval()
        _check_apart(run.recipe, model, device)
        batches = UnitBatches(run.recipe, run.source, KeyStream(Purpose.SAMPLING).words, device)
        everybody = np.arange(count("units", run.source.units), dtype=np.int64)
        return torch.stack([_summed(run.recipe, model, one) for one in batches.of(everybody)]).sum(
            0
        )


def _summed(recipe: Recipe, model: nn.Module, batch: UnitBatch) -> Tensor:
    return _each(recipe, model, batch).sum(0)


def _each(recipe: Recipe, model: nn.Module, batch: UnitBatch) -> Tensor:
    """What each unit adds, on the CPU."""
    tallies = recipe.tallies(model, batch.tensors).double().cpu()
    weighed = tallies * batch.weight.double().cpu().unsqueeze(1)
    units = weighed.view(-1, batch.rows, tallies.shape[1]).sum(1).nan_to_num(0, 0, 0)
    norms: Tensor = torch.linalg.vector_norm(units, dim=1, keepdim=True)
    return units / norms.clamp(min=1)


def _check_apart(recipe: Recipe, model: nn.Module, device: torch.device) -> None:
    """A unit's tally must not depend on the others: they would add more than one."""
    with TemporaryDirectory(prefix="securefed-") as folder:
        records = recipe.mock(_MOCK, _MOCK, Path(folder))
        together = _each(recipe, model, unit_batch(recipe, records, [1] * _MOCK, device))
        for place, whole in enumerate(together):
            one = unit_batch(recipe, records.picked([place]), [1], device)
            if float((_each(recipe, model, one)[0] - whole).norm()) > _SLACK:
                raise SelfTestFailed("A record's tally depends on which others are in the batch")
