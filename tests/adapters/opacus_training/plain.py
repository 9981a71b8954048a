"""The smallest recipe: numbers in, a line through them out. Gates that count, and an oracle."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.run import TrainingRun
from securefed.domain.identifiers import Line, Name
from securefed.domain.privacy import DpSgd, PrivacyUnit, Sampling
from securefed.domain.site import Column, ColumnType
from securefed.errors import SecurefedError
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.files.source import Numbers
from securefed.recipes.recipe import Batch, Forward, Needed
from securefed.recipes.records import Records
from securefed.recipes.settings import Settings

WIDTH = 4
WIDE = 2_000
DECIMALS = frozenset({ColumnType.DECIMAL})
COLUMNS = (
    *(
        Column(name=Line(f"x{i}"), type=ColumnType.DECIMAL, meaning=Line("In"))
        for i in range(WIDTH)
    ),
    Column(name=Line("y"), type=ColumnType.DECIMAL, meaning=Line("Out")),
    Column(name=Line("who"), type=ColumnType.IDENTIFIER, meaning=Line("Whose")),
)
RECORD = PrivacyUnit(column=None, bound=1)


class PlainRecipe:
    """Least squares."""

    family = Name("plain")
    kept: frozenset[str] = frozenset()

    def __init__(self, **settings: object) -> None:
        self.settings = Settings(**settings)

    def needs(self) -> tuple[Needed, ...]:
        return tuple(Needed(name=name, types=DECIMALS) for name in [*_inputs(), "y"])

    def model(self) -> nn.Module:
        return nn.Linear(WIDTH, 1)

    def collate(self, records: Records) -> Batch:
        columns = [records.columns[name] for name in _inputs()]
        return {
            "x": torch.tensor(list(zip(*columns, strict=True)), dtype=torch.float32),
            "y": torch.tensor(records.columns["y"], dtype=torch.float32),
        }

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        answer: Tensor = model(batch["x"]).squeeze(1)
        return (answer - batch["y"]).square()

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        return self.losses(model, batch).clamp(max=1).unsqueeze(1)

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        return {"loss": float(tally[0])}

    def mock(self, records: int, seed: int, folder: Path) -> Records:
        return made_up(records, seed, folder)


class WideRecipe(PlainRecipe):
    """Many lines at once: ten thousand weights to hear the noise in."""

    def model(self) -> nn.Module:
        return nn.Linear(WIDTH, WIDE)

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        answer: Tensor = model(batch["x"])
        return (answer - batch["y"].unsqueeze(1)).square().sum(1)


def made_up(records: int, seed: int, folder: Path, each: int = 1) -> Records:
    """Records on a line of slopes 1, 2, 3 ..., so many for each unit."""
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(records, WIDTH))
    y = x @ np.arange(1, WIDTH + 1)
    columns: dict[str, list] = {name: x[:, i].tolist() for i, name in enumerate(_inputs())}
    return Records(
        columns=columns | {"y": y.tolist(), "who": [f"u{i // each}" for i in range(records)]},
        folder=folder,
    )


def source(
    folder: Path, records: int = 200, unit: PrivacyUnit = RECORD, each: int = 1
) -> MemorySource:
    return MemorySource(made_up(records, 7, folder, each), COLUMNS, unit)


def mechanism(steps: int, noise: str = "1", rate: str = "0.2", clip: str = "1") -> DpSgd:
    return DpSgd(
        noise_multiplier=Decimal(noise),
        sampling_rate=Decimal(rate),
        sampling=Sampling.POISSON,
        steps=steps,
        clip=Decimal(clip),
    )


def plain_run(folder: Path, steps: int = 5, **more: object) -> TrainingRun:
    given = {"recipe": PlainRecipe(), "source": source(folder), "mechanism": mechanism(steps)}
    return TrainingRun(**(given | more))


# Noise that no comparison sees, and everybody in every draw.
def still(steps: int, clip: str = "1") -> DpSgd:
    return mechanism(steps, noise="1e-20", rate="1", clip=clip)


def flat(weights: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([one.detach().flatten() for one in weights.values()])


def grad_of(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def with_cells(records: Records, column: str, cells: Mapping[int, float]) -> Records:
    """The same records but for some cells of a column."""
    new = [cells.get(place, cell) for place, cell in enumerate(records.columns[column])]
    return Records(columns={**records.columns, column: new}, folder=records.folder)


class WatchedSource(MemorySource):
    """Tells whenever records are read."""

    def __init__(self, folder: Path, records: int, told: Callable[[list[int]], None]) -> None:
        super().__init__(made_up(records, 7, folder), COLUMNS, RECORD)
        self._told = told

    def take(self, numbers: Numbers) -> Records:
        self._told(numbers.tolist())
        return super().take(numbers)


def clipped_sum(
    recipe: PlainRecipe, model: nn.Module, units: Sequence[Records], clip: float
) -> Tensor:
    """Unit by unit, by autograd alone: what every step must agree with."""
    total = torch.zeros(sum(one.numel() for one in model.parameters()), dtype=torch.float64)
    for records in units:
        model.zero_grad()
        torch.autograd.backward(recipe.losses(model, recipe.collate(records)).mean())
        grad = torch.cat([grad_of(one).flatten().double() for one in model.parameters()])
        total += grad * min(1.0, clip / grad.norm().item())
    model.zero_grad()
    return total


class CountingGate:
    """Lets everything through, and remembers."""

    def __init__(self) -> None:
        self.passed: list[int] = []

    def before_step(self, step: int) -> None:
        self.passed.append(step)


class Refused(SecurefedError):
    code = "refused"
    hint = "None."


class RefusingGate(CountingGate):
    """Lets steps through until one."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def before_step(self, step: int) -> None:
        if step == self._at:
            raise Refused("No further")
        super().before_step(step)


def _inputs() -> list[str]:
    return [f"x{i}" for i in range(WIDTH)]
