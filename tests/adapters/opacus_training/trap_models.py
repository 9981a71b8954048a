"""Recipes that mix their records in a way that no clipping repairs: the self-test's to refuse.

Each is `PlainRecipe` with another model or another loss, so that nothing but the trap differs.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from securefed.recipes.recipe import Batch, Forward
from tests.adapters.opacus_training.plain import WIDTH, PlainRecipe


class BatchMean(nn.Module):
    """Centres each record on the batch that it happens to be in."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layer(x - x.mean(0))
        return answer


class BatchAttention(nn.Module):
    """Attends from record to record, as if the batch were a text."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.layer = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.before(x)
        answer: Tensor = self.layer(torch.softmax(hidden @ hidden.mT, dim=1) @ hidden)
        return answer


class BatchLargest(nn.Module):
    """Measures each record from the largest values of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layer(x - x.max(0).values)
        return answer


class MixingRecipe(PlainRecipe):
    """Least squares behind one of the models above."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.kind = kind

    def model(self) -> nn.Module:
        return self.kind()


class InBatchNegatives(PlainRecipe):
    """Each record must score itself higher than the others, as recommenders are trained."""

    def model(self) -> nn.Module:
        return nn.Linear(WIDTH, WIDTH)

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        scores = model(batch["x"]) @ batch["x"].mT
        return functional.cross_entropy(scores, torch.arange(len(scores)), reduction="none")


class SignedByTheBatch(PlainRecipe):
    """One loss a record, which goes up or down with the number of records."""

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        losses = super().losses(model, batch)
        return losses if len(losses) % 2 else -losses


MIXING: dict[str, PlainRecipe] = {
    "batch mean": MixingRecipe(BatchMean),
    "attention between records": MixingRecipe(BatchAttention),
    "the largest of the batch": MixingRecipe(BatchLargest),
    "in-batch negatives": InBatchNegatives(),
    "loss signed by the batch": SignedByTheBatch(),
}
