"""Own code for a study: who comes back within 30 days, by a small network with a skip connection.

A study names this file as `own_code` and the recipe `own-code`, with the parameter
`columns = "age, systolic, emergency, readmitted"`. Whoever approves the study reads the file.
Each function is about single records: nothing may be computed over a batch, such as a mean.
"""

import random

import torch
from torch import nn
from torch.nn import functional


class Skipping(nn.Module):
    """Two layers, with a straight line beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out, self.skip = nn.Linear(3, 8), nn.Linear(8, 1), nn.Linear(3, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The logit of coming back."""
        bent = self.out(torch.tanh(self.hidden(inputs)))
        return (bent + self.skip(inputs)).squeeze(1)


def model() -> nn.Module:
    """A new model; torch's seed is the study's."""
    return Skipping()


def collate(records) -> dict[str, torch.Tensor]:  # noqa: ANN001 - columns, and the data's folder
    """Tensors whose first dimension is the record. Ranges are public, never measured here."""
    columns = records.columns
    ages = [0.0 if age is None else (age - 60) / 20 for age in columns["age"]]
    pressures = [0.0 if value is None else (value - 130) / 20 for value in columns["systolic"]]
    emergencies = [float(bool(value)) for value in columns["emergency"]]
    returned = [float(bool(value)) for value in columns["readmitted"]]
    inputs = torch.tensor([ages, pressures, emergencies]).T.clamp(-5, 5)
    return {"inputs": inputs, "returned": torch.tensor(returned)}


def losses(model, batch) -> torch.Tensor:  # noqa: ANN001 - something to call, and collate's tensors
    """One loss for each record."""
    return functional.binary_cross_entropy_with_logits(
        model(batch["inputs"]), batch["returned"], reduction="none"
    )


def tallies(model, batch) -> torch.Tensor:  # noqa: ANN001 - as above
    """What each record adds to the figures: one, in the place for right or wrong."""
    right = (model(batch["inputs"]) > 0) == batch["returned"].bool()
    return functional.one_hot(right.long(), 2).float()


def metrics(tally: torch.Tensor) -> dict[str, float]:
    """The figures of a sum of tallies, which has noise in it."""
    wrong, right = tally.tolist()
    return {"accuracy": right / (wrong + right) if wrong + right > 0 else float("nan")}


def mock(records: int, seed: int) -> dict[str, list[object]]:
    """Made-up records, for the self-test: the study's columns, as many values as asked for."""
    chance = random.Random(seed)  # noqa: S311 - invented data
    ages = [chance.randint(20, 95) for _ in range(records)]
    return {
        "age": ages,
        "systolic": [chance.choice([None, 110, 130, 150]) for _ in range(records)],
        "emergency": [chance.random() < 0.5 for _ in range(records)],
        "readmitted": [chance.gauss(60, 15) < age for age in ages],
    }
