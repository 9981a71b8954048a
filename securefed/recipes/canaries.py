"""A recipe for auditing the engine: a line through made-up records, and canaries among them.

A canary has a weight of its own, which no other record touches, and a gradient that is longer than
any clip and always points along it: clipped, it is one clip in that direction ("Dirac" canaries).
Other weights are idle: no record touches them, so they show the noise alone. No study can name this
recipe: it learns nothing that anybody wants.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from numpy.random import default_rng
from torch import Tensor, nn

from securefed.domain.identifiers import Line, Name
from securefed.domain.site import Column, ColumnType
from securefed.recipes.recipe import Batch, Forward, Needed
from securefed.recipes.records import Records
from securefed.recipes.settings import Settings

WEIGHT = "weight"
_WIDTH = 8
_INPUTS = tuple(f"x{place}" for place in range(_WIDTH))
# Of a canary's gradient, in clips of one.
_LOUD = 10.0
_NO_SLOT = -1


class Canaries:
    """Weights for ordinary records, then one for each canary, then the idle ones."""

    family = Name("linear")
    kept: frozenset[str] = frozenset()

    def __init__(self, canaries: int, idle: int) -> None:
        self.canaries, self.idle = canaries, idle
        # With steps of one the weights are the negative sum of the noised gradients.
        self.settings = Settings(learning_rate=1.0, physical_batch=1024)

    def needs(self) -> tuple[Needed, ...]:
        """A slot, the inputs and what is predicted."""
        return tuple(
            Needed(name=str(one.name), types=frozenset({one.type})) for one in self.columns()
        )

    def columns(self) -> tuple[Column, ...]:
        """What its records have."""
        decimals = [
            Column(name=Line(name), type=ColumnType.DECIMAL, meaning=Line("A made-up number"))
            for name in (*_INPUTS, "y")
        ]
        meaning = Line("Which canary it is, -1 for none")
        return (Column(name=Line("slot"), type=ColumnType.INTEGER, meaning=meaning), *decimals)

    def model(self) -> nn.Module:
        """A linear layer of zeros."""
        layer = nn.Linear(_WIDTH + self.canaries + self.idle, 1, bias=False)
        nn.init.zeros_(layer.weight)
        return layer

    def collate(self, records: Records) -> Batch:
        """The inputs, with a one in a canary's own place."""
        slots = torch.tensor(records.columns["slot"], dtype=torch.int64)
        inputs = torch.zeros(len(records), _WIDTH + self.canaries + self.idle)
        cells = [records.columns[name] for name in _INPUTS]
        inputs[:, :_WIDTH] = torch.tensor(cells, dtype=torch.float32).T
        there = slots != _NO_SLOT
        inputs[there.nonzero().flatten(), _WIDTH + slots[there]] = 1.0
        wanted = torch.tensor(records.columns["y"], dtype=torch.float32)
        return {"inputs": inputs, "wanted": wanted, "canary": there}

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        """The squared distance; for a canary what has the same gradient everywhere."""
        answer = model(batch["inputs"]).squeeze(1)
        return torch.where(batch["canary"], _LOUD * answer, (answer - batch["wanted"]).square() / 2)

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        """The loss, up to one."""
        return self.losses(model, batch).clamp(0, 1).unsqueeze(1)

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """The sum of the losses."""
        return {"loss": float(tally[0])}

    def mock(self, records: int, seed: int, folder: Path) -> Records:
        """Every other record is a canary."""
        slots = [place % self.canaries if place % 2 else _NO_SLOT for place in range(records)]
        return with_canaries(slots, seed, folder)


def canary_records(canaries: list[int], ordinary: int, seed: int, folder: Path) -> Records:
    """These canaries, and so many ordinary records."""
    return with_canaries([*canaries, *[_NO_SLOT] * ordinary], seed, folder)


def with_canaries(slots: list[int], seed: int, folder: Path) -> Records:
    """A record for each slot; -1 is an ordinary one. A canary's other cells are zero."""
    chance = default_rng(seed)
    inputs = chance.normal(size=(len(slots), _WIDTH)) / _WIDTH**0.5
    wanted = inputs.sum(1)
    for place, slot in enumerate(slots):
        if slot != _NO_SLOT:
            inputs[place], wanted[place] = 0.0, 0.0
    columns = {name: inputs[:, place].tolist() for place, name in enumerate(_INPUTS)}
    return Records(columns={"slot": slots, **columns, "y": wanted.tolist()}, folder=folder)


def canary_weights(canaries: int) -> slice:
    """Where the canaries' own weights lie."""
    return slice(_WIDTH, _WIDTH + canaries)


def idle_weights(canaries: int) -> slice:
    """Where the idle weights lie."""
    return slice(_WIDTH + canaries, None)
