"""What one attempt trains, what it needs from the outside, and what comes out of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from securefed.adapters.opacus_training.self_test import Proof
from securefed.adapters.opacus_training.weights import Weights
from securefed.domain.identifiers import Digest
from securefed.domain.numbers import count
from securefed.domain.privacy import DpSgd
from securefed.recipes.files.source import RecordSource
from securefed.recipes.frozen import FeatureMemory
from securefed.recipes.recipe import Recipe


class StepGate(Protocol):
    """Stands before every step; `RoundMeter` is one."""

    def before_step(self, step: int) -> None:
        """Returns once the step, counted from one, is charged."""
        ...


@dataclass(frozen=True, kw_only=True)
class Resumption:
    """Where a run keeps its state, under which name, and what was charged before it began.

    The name stands for everything that the run is made from, as its token's digest does.

    A run that has a state goes on after the last step that was charged, not after its own last one:
    the steps between may have drawn their noise, so they are lost and stay charged."""

    path: Path
    run: Digest
    charged: int = 0
    every: int = 10

    def __post_init__(self) -> None:
        count("charged", self.charged, least=0)
        count("every", self.every)


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """What one attempt trains. Without weights it begins with the recipe's own; `proximal` is the
    strength of FedProx's pull back to where it begins, `correction` what a control variate
    corrects all steps by together. `rate_factor` is what the schedule leaves of the rate. `memory`
    keeps what a frozen part of the model makes of records for the next run."""

    recipe: Recipe
    source: RecordSource
    mechanism: DpSgd
    weights: Weights | None = None
    kept: Weights | None = None
    proximal: Decimal | None = None
    correction: Weights | None = None
    rate_factor: Decimal = Decimal(1)
    device: str | None = None
    memory: FeatureMemory | None = None
    resumption: Resumption | None = None
    on_step: Callable[[int], None] = field(default=lambda _: None)
    cancelled: Callable[[], bool] = field(default=lambda: False)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The noised weights of a run, and what was run.

    `executed` is made from what the engine did, for the comparison with what was allowed; steps
    that were charged and lost count as taken. `silenced` is private and never leaves the site."""

    weights: Weights
    kept: Weights
    executed: DpSgd
    lost_steps: int
    silenced: int = field(repr=False)
    proof: Proof
