"""What an attack needs of an engine, as Protocols: it trains, and it tells a model's losses."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from securefed.domain.privacy import DpSgd
from securefed.recipes.files.source import RecordSource
from securefed.recipes.recipe import Recipe
from securefed.recipes.records import Records

Floats: TypeAlias = NDArray[np.float64]
Weights: TypeAlias = Mapping[str, Floats]


class Gate(Protocol):
    """Stands before every step."""

    def before_step(self, step: int) -> None:
        """Returns once the step is charged."""
        ...


class Released(Protocol):
    """What left after a run, and what the engine's self-test measured, as shares of what is
    allowed."""

    @property
    def weights(self) -> Weights:
        """The released weights, by name."""
        ...

    @property
    def largest_contribution(self) -> float:
        """Of one unit."""
        ...

    @property
    def noise_variance(self) -> float:
        """Of a step's noise."""
        ...


class Engine(Protocol):
    """The engine under attack."""

    def train(
        self,
        recipe: Recipe,
        source: RecordSource,
        mechanism: DpSgd,
        gate: Gate,
        on_step: Callable[[int], None],
    ) -> Released:
        """One run from the recipe's first weights."""
        ...

    def losses(self, recipe: Recipe, weights: Weights, records: Records) -> Floats:
        """The loss of every record."""
        ...
