"""What exported models say of somebody's own records, and how often they are right.

Nothing is charged and no noise is added: these are figures about records that the caller holds, for
the caller's eyes. Whoever passes them on gives away something of the records.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import torch

from securefed.adapters.opacus_training.batches import filled, unit_batch
from securefed.adapters.opacus_training.devices import device_named
from securefed.adapters.opacus_training.evaluation import evaluate_public
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.training import failures_named
from securefed.domain.privacy import DpSgd
from securefed.errors import ModelUnusable
from securefed.recipes.ensemble import Ensemble
from securefed.recipes.files.source import Numbers, RecordSource

_TOGETHER = 64


@dataclass(frozen=True, kw_only=True)
class Said:
    """What is predicted for one record, by the record's number from one."""

    record: int
    values: tuple[float, ...]


def metrics_of(ensemble: Ensemble, source: RecordSource) -> Mapping[str, float]:
    """The metrics, every unit counted once."""
    nothing = DpSgd.full_batch(Decimal(1))
    return evaluate_public(TrainingRun(recipe=ensemble, source=source, mechanism=nothing))


def predictions_of(ensemble: Ensemble, source: RecordSource) -> list[Said]:
    """What is said of every record, in the file's order."""
    if not ensemble.meaning.names:
        raise ModelUnusable(
            "The model says more than a row of numbers for a record",
            hint="Leave out --out: its metrics are printed.",
        )
    model = ensemble.model().to(device_named(None)).eval()
    with failures_named(), torch.no_grad():
        found = [one for part in _parts(source) for one in _said(ensemble, model, source, part)]
    return sorted(found, key=lambda one: one.record)


def _parts(source: RecordSource) -> Iterator[list[Numbers]]:
    """All records of some units at a time."""
    for begin in range(0, source.units, _TOGETHER):
        end = min(begin + _TOGETHER, source.units)
        yield [source.of_unit(unit) for unit in range(begin, end)]


def _said(
    ensemble: Ensemble, model: torch.nn.Module, source: RecordSource, part: list[Numbers]
) -> Iterator[Said]:
    rows = max(map(len, part))
    numbers = np.concatenate([filled(one, rows) for one in part])
    records = source.take(numbers)
    batch = unit_batch(ensemble, records, [len(one) for one in part], device_named(None))
    values = ensemble.said(model, batch.tensors).double().cpu().reshape(len(numbers), -1)
    there = batch.weight.cpu() > 0
    for number, row in zip(numbers[there.numpy()].tolist(), values[there].tolist(), strict=True):
        yield Said(record=number + 1, values=tuple(row))
