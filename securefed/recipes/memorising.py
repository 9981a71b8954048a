"""A recipe that can only memorise: tossed labels for inputs without meaning, more inputs than
records.

It shows whether an attack on membership has any power: without noise one must succeed here. A
record is a number, from which its inputs are drawn, and a label. No study can name this recipe.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.random import default_rng
from torch import Tensor, nn

from securefed.domain.identifiers import Line, Name
from securefed.domain.site import Column, ColumnType
from securefed.recipes.recipe import Batch, Forward, Needed
from securefed.recipes.records import Records
from securefed.recipes.settings import Settings

# Gradients begin with a norm of one, the clip that is usual in an audit.
_SCALE = 2.0


class Memorising:
    """A linear model on inputs of length one."""

    family = Name("logistic")
    kept: frozenset[str] = frozenset()

    def __init__(self, width: int, learning_rate: float) -> None:
        self.width = width
        self.settings = Settings(learning_rate=learning_rate, physical_batch=1024)

    def needs(self) -> tuple[Needed, ...]:
        """The number and the label."""
        return tuple(
            Needed(name=str(one.name), types=frozenset({one.type})) for one in self.columns()
        )

    def columns(self) -> tuple[Column, ...]:
        """What its records have."""
        return tuple(
            Column(name=Line(name), type=ColumnType.INTEGER, meaning=Line(meaning))
            for name, meaning in (("number", "Stands for the inputs"), ("label", "1 or -1"))
        )

    def model(self) -> nn.Module:
        """A linear layer of zeros."""
        layer = nn.Linear(self.width, 1, bias=False)
        nn.init.zeros_(layer.weight)
        return layer

    def collate(self, records: Records) -> Batch:
        """Inputs of length one, and labels."""
        drawn = np.stack(
            [default_rng(number).normal(size=self.width) for number in _cells(records)]
        )
        inputs = torch.from_numpy(drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).float()
        return {"inputs": inputs, "label": torch.tensor(records.columns["label"]).float()}

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        """Logistic loss."""
        margins: Tensor = batch["label"] * model(batch["inputs"]).squeeze(1)
        losses: Tensor = nn.functional.softplus(-margins)
        return _SCALE * losses

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        """Whether the label was told right."""
        margins: Tensor = batch["label"] * model(batch["inputs"]).squeeze(1)
        return (margins > 0).float().unsqueeze(1)

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """How many were."""
        return {"right": float(tally[0])}

    def mock(self, records: int, seed: int, folder: Path) -> Records:
        """Numbers that come up once, with tossed labels."""
        chance = default_rng(seed)
        return Records(
            columns={
                "number": chance.integers(2**62, size=records).tolist(),
                "label": (2 * chance.integers(2, size=records) - 1).tolist(),
            },
            folder=folder,
        )


def _cells(records: Records) -> list[int]:
    return [int(str(one)) for one in records.columns["number"]]
