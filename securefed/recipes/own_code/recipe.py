"""Training with a scientist's own model, loss and tensors, from one approved Python file.

The file defines `model()`, `collate(records)`, `losses(model, batch)` and `mock(records, seed)`,
and, where its figures are to be other than the mean loss, `tallies(model, batch)` and
`metrics(tally)`. Its mock is a function, not the dataset's: the self-test needs batches of any
size before a site is asked, and the same ones everywhere. It is given the columns that the study
names and nothing of the engine; what it returns is checked before it is used. The self-test finds
its mistakes, not its intent: a person reads it.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from securefed.domain.identifiers import Name
from securefed.domain.site import ColumnType
from securefed.errors import LossUnusable, ModelUnusable, SelfTestFailed, TrainingFailed
from securefed.recipes.first_weights import first_weights
from securefed.recipes.own_code.calls import Functions, called
from securefed.recipes.own_code.settings import OwnCodeSettings
from securefed.recipes.recipe import Batch, Forward, Needed
from securefed.recipes.records import Cell, Records
from securefed.recipes.tallies import MeanTally


class OwnCode:
    """A study's own file, behind the same interface as every recipe."""

    kept: frozenset[str] = frozenset()

    def __init__(self, settings: OwnCodeSettings, functions: Functions) -> None:
        self.settings = settings
        self._functions = functions
        self._mean = MeanTally(name="loss", most=settings.largest_loss)

    @property
    def family(self) -> Name:
        """As the study names it."""
        return Name(self.settings.family)

    def needs(self) -> tuple[Needed, ...]:
        """The study's columns, of any type."""
        every = frozenset(ColumnType)
        return tuple(Needed(name=name, types=every) for name in self.settings.columns)

    def model(self) -> nn.Module:
        """Their model, with weights drawn from the study's seed."""
        with first_weights(self.settings.seed):
            model = self._call("model")
        if not isinstance(model, nn.Module):
            raise ModelUnusable("model() of the study's own code does not return a torch module")
        # One that the file made once and returns again would keep what it learnt.
        return copy.deepcopy(model)

    def collate(self, records: Records) -> Batch:
        """Their tensors of the columns that the study names."""
        given = Records(
            columns={name: records.columns[name] for name in self.settings.columns},
            folder=records.folder,
        )
        batch = self._call("collate", given)
        if not _is_batch(batch, len(records)):
            raise TrainingFailed(
                "collate() of the study's own code does not return tensors by name, each with the "
                "records as its first dimension"
            )
        return dict(batch)

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        """Their losses."""
        losses = self._call("losses", _only_called(model), batch)
        if not isinstance(losses, Tensor) or losses.shape != (_records(batch),):
            raise LossUnusable("losses() of the study's own code is not one loss for each record")
        return losses

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        """Theirs, scaled down to norm one where they are longer; else each record's loss."""
        if "tallies" not in self._functions:
            losses = self.losses(model, batch)
            return self._mean.rows(losses, torch.zeros_like(losses))
        rows = self._call("tallies", _only_called(model), batch)
        if not isinstance(rows, Tensor) or rows.dim() != 2 or len(rows) != _records(batch):
            raise TrainingFailed(
                "tallies() of the study's own code is not a row of numbers for each record"
            )
        return _of_norm_one(rows.detach().float())

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """Their figures, or the mean loss."""
        if "metrics" not in self._functions:
            return self._mean.metrics(tally)
        figures = self._call("metrics", tally)
        if not isinstance(figures, Mapping):
            raise TrainingFailed("metrics() of the study's own code does not return figures")
        return {str(name): _figure(figure) for name, figure in figures.items()}

    def mock(self, records: int, seed: int, folder: Path) -> Records:
        """Their made-up records."""
        columns = self._call("mock", records, seed)
        if not _is_table(columns, self.settings.columns, records):
            raise SelfTestFailed(
                "mock() of the study's own code does not return the study's columns, each with as "
                "many values as were asked for",
                hint="Return a dictionary with exactly the columns that the study names.",
            )
        made_up = {name: list(columns[name]) for name in self.settings.columns}
        return Records(columns=made_up, folder=folder)

    def _call(self, name: str, *arguments: object) -> Any:
        return called(f"{name}()", self._functions[name], *arguments)


def _only_called(model: Forward) -> Forward:
    """The model as something to call: what the engine wraps around it is not theirs to reach."""
    return lambda *inputs, **named: model(*inputs, **named)


def _is_batch(batch: object, records: int) -> bool:
    return isinstance(batch, Mapping) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) and tensor.shape[:1] == (records,)
        for name, tensor in batch.items()
    )


def _is_table(columns: object, names: Sequence[str], records: int) -> bool:
    return (
        isinstance(columns, Mapping)
        and set(columns) == set(names)
        and all(
            isinstance(cells, Sequence)
            and len(cells) == records
            and all(isinstance(cell, Cell) for cell in cells)
            for cells in columns.values()
        )
    )


def _records(batch: Batch) -> int:
    return len(next(iter(batch.values())))


def _of_norm_one(rows: Tensor) -> Tensor:
    finite = torch.where(rows.isfinite().all(1, keepdim=True), rows, 0.0)
    norms: Tensor = torch.linalg.vector_norm(finite, dim=1, keepdim=True)
    return finite / norms.clamp(min=1.0)


def _figure(figure: object) -> float:
    return float(figure) if isinstance(figure, int | float) else math.nan
