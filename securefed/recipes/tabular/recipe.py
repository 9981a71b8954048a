"""Training on one table: inputs by public ranges, one target, a linear model or a small network.

Every record needs a value of the target, and one that no class has is refused. Columns that the
study does not name are not read.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from numpy.random import default_rng
from torch import Tensor, nn

from securefed.domain.identifiers import Name
from securefed.recipes.first_weights import first_weights
from securefed.recipes.meaning import Meaning
from securefed.recipes.recipe import Batch, Forward, Needed
from securefed.recipes.records import Records
from securefed.recipes.tabular.cells import column_of, refuse
from securefed.recipes.tabular.inputs import Inputs
from securefed.recipes.tabular.model import even_layer, hidden_layers
from securefed.recipes.tabular.settings import TabularSettings

_NOISE = 0.1


class Tabular:
    """One target from a table."""

    kept: frozenset[str] = frozenset()

    def __init__(self, settings: TabularSettings) -> None:
        self.settings = settings
        self._inputs, self._aim = settings.inputs, settings.aim

    @property
    def family(self) -> Name:
        """`logistic`, `linear` or `mlp`."""
        if self.settings.model == "mlp":
            return Name("mlp")
        return Name("linear" if self.settings.task == "regression" else "logistic")

    @property
    def meaning(self) -> Meaning:
        """A chance, one for each class, or a number."""
        return self._aim.meaning(self.settings.target)

    def needs(self) -> tuple[Needed, ...]:
        """Inputs and target."""
        target = Needed(name=self.settings.target, types=self._aim.types)
        return (*(one.needed() for one in self._inputs.columns), target)

    def model(self) -> nn.Module:
        """A linear layer of zeros, or a network with the seed's weights."""
        if self.settings.model == "logistic":
            return even_layer(self._inputs.width, self._aim.outputs)
        widths = self.settings.hidden
        with first_weights(self.settings.seed):
            trunk = hidden_layers(self._inputs.width, widths)
            return nn.Sequential(*trunk, nn.Linear(widths[-1], self._aim.outputs))

    def collate(self, records: Records) -> Batch:
        """`inputs` and `wanted`."""
        target = self.settings.target
        wanted = self._aim.read(column_of(records, target), target)
        for record in torch.nonzero(~self._aim.there(wanted))[:1].flatten().tolist():
            refuse(record, target, "a value, since it is what is predicted")
        return {"inputs": self._inputs.tensor(records), "wanted": wanted}

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        """Cross entropy, or half the square of the distance in halves of the range."""
        return self._aim.losses(model(batch["inputs"]).float(), batch["wanted"])

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        """By label and score, by label and answer, or by size of the error."""
        return self._aim.rows(model(batch["inputs"]).float(), batch["wanted"])

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """Accuracy, balanced accuracy and AUC; RMSE and MAE for a number."""
        return self._aim.tally.metrics(tally)

    def mock(self, records: int, seed: int, folder: Path) -> Records:
        """Columns of the declared ranges, and a target that mostly follows from them."""
        columns = self._inputs.made_up(default_rng(seed), records)
        scores = made_up_scores(
            self._inputs, Records(columns=columns, folder=folder), self._aim.outputs, seed
        )
        columns[self.settings.target] = self._aim.made_up(scores)
        return Records(columns=columns, folder=folder)


def made_up_scores(inputs: Inputs, records: Records, outputs: int, seed: int) -> Tensor:
    """Linear in the inputs by weights that are the same for every seed, with some noise."""
    weights = default_rng(0).standard_normal((inputs.width, outputs))
    noise = default_rng((seed, 1)).standard_normal((len(records), outputs))
    scores = inputs.tensor(records).double().numpy() @ weights
    return torch.from_numpy(scores / inputs.width**0.5 + _NOISE * noise)
