"""Training for several targets from one table: a network that all share, and a head for each.

A record's loss is the weighted sum over the targets that it has a value of; clipping bounds that
sum, so that several targets cost no more than one. One noise protects the figures of all of them,
so that each is less exact than it would be alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from numpy.random import default_rng
from torch import Tensor, nn

from securefed.domain.identifiers import Name
from securefed.recipes.first_weights import first_weights
from securefed.recipes.meaning import Meaning, SideBySide
from securefed.recipes.multi_task.settings import Head, MultiTaskSettings
from securefed.recipes.recipe import Batch, Forward, Needed
from securefed.recipes.records import Records
from securefed.recipes.tabular.cells import column_of
from securefed.recipes.tabular.model import hidden_layers
from securefed.recipes.tabular.recipe import made_up_scores
from securefed.recipes.tallies import joined_rows, parted

_MISSING_SHARE = 0.2


class Heads(nn.Module):
    """Shared layers, then one layer for each target; gives all their numbers side by side."""

    def __init__(self, inputs: int, widths: Sequence[int], outputs: Sequence[int]) -> None:
        super().__init__()
        self.trunk = hidden_layers(inputs, widths)
        self.heads = nn.ModuleList(nn.Linear(widths[-1], count) for count in outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """[records, the sum of all outputs]."""
        shared = self.trunk(inputs)
        return torch.cat([head(shared) for head in self.heads], 1)


class MultiTask:
    """Several targets from a table."""

    family = Name("multi-task")
    kept: frozenset[str] = frozenset()

    def __init__(self, settings: MultiTaskSettings) -> None:
        self.settings = settings
        self._inputs, self._heads = settings.inputs, settings.heads
        self._outputs = [head.aim.outputs for head in self._heads]

    @property
    def meaning(self) -> Meaning:
        """Each target's own, side by side."""
        return SideBySide(
            parts=tuple((head.name, head.aim.meaning(head.name)) for head in self._heads),
            widths=tuple(self._outputs),
        )

    def needs(self) -> tuple[Needed, ...]:
        """Inputs and targets."""
        targets = (Needed(name=head.name, types=head.aim.types) for head in self._heads)
        return (*(one.needed() for one in self._inputs.columns), *targets)

    def model(self) -> nn.Module:
        """A network with the seed's weights."""
        with first_weights(self.settings.seed):
            return Heads(self._inputs.width, self.settings.hidden, self._outputs)

    def collate(self, records: Records) -> Batch:
        """`inputs`, and each target by its number."""
        wanted = {
            _key(place): head.aim.read(column_of(records, head.name), head.name)
            for place, head in enumerate(self._heads)
        }
        return {"inputs": self._inputs.tensor(records), **wanted}

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        """The weighted sum over the targets that a record has."""
        each = [
            head.weight * head.aim.losses(answer, batch[_key(place)])
            for place, (head, answer) in enumerate(self._answers(model, batch))
        ]
        return torch.stack(each).sum(0)

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        """All targets' vectors as one."""
        answers = self._answers(model, batch)
        return joined_rows(
            [head.aim.rows(answer, batch[_key(i)]) for i, (head, answer) in enumerate(answers)]
        )

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """The figures of each target, after its name."""
        parts = parted(tally, [head.aim.tally for head in self._heads])
        return {
            f"{head.name}.{name}": figure
            for head, part in zip(self._heads, parts, strict=True)
            for name, figure in head.aim.tally.metrics(part).items()
        }

    def mock(self, records: int, seed: int, folder: Path) -> Records:
        """As for one target, each with some values missing."""
        chance = default_rng(seed)
        columns = self._inputs.made_up(chance, records)
        inputs = Records(columns=columns, folder=folder)
        scores = made_up_scores(self._inputs, inputs, sum(self._outputs), seed)
        for head, part in zip(self._heads, torch.split(scores, self._outputs, 1), strict=True):
            made_up = head.aim.made_up(part)
            gone = chance.random(records) < _MISSING_SHARE
            columns[head.name] = [
                None if lost else cell for cell, lost in zip(made_up, gone, strict=True)
            ]
        return Records(columns=columns, folder=folder)

    def _answers(self, model: Forward, batch: Batch) -> list[tuple[Head, Tensor]]:
        answers = model(batch["inputs"]).float()
        return list(zip(self._heads, torch.split(answers, self._outputs, 1), strict=True))


def _key(place: int) -> str:
    return f"wanted {place}"
