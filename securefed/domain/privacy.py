"""What protects a unit: the mechanisms that were run, and the loss that they amount to.

A mechanism stores what was done (noise, sampling, steps), never what it cost: ε is derived, by
`renyi` for admission and by an accountant for reports, so a better accountant needs no new records.
Whatever has no rule in `renyi` costs infinitely much.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, TypeAlias

from securefed.domain.numbers import count, positive, probability, proportion
from securefed.errors import ConfigInvalid


class Adjacency(StrEnum):
    """Which datasets count as neighbours."""

    ADD_REMOVE = "add-remove"
    REPLACE_ONE = "replace-one"


class Sampling(StrEnum):
    """How a step picks its records. Only Poisson sampling has a rule in the accounting."""

    POISSON = "poisson"
    SHUFFLE = "shuffle"


@dataclass(frozen=True, kw_only=True)
class PrivacyUnit:
    """Whose presence is hidden: one record, or all records with one value of a column.

    A step draws units, never records: of each drawn unit at most `bound` records are used, and
    together they make one contribution, clipped as one. So a mechanism costs the same whatever the
    bound is."""

    column: str | None
    bound: int

    def __post_init__(self) -> None:
        count("contribution bound", self.bound)
        if self.column is None and self.bound != 1:
            raise ConfigInvalid("A record contributes once: without a column the bound is 1")


@dataclass(frozen=True, kw_only=True)
class DpSgd:
    """Steps of clipped, subsampled, Gaussian-noised gradient sums."""

    kind: ClassVar[str] = "dp-sgd"
    noise_multiplier: Decimal
    sampling_rate: Decimal
    sampling: Sampling
    steps: int
    clip: Decimal

    def __post_init__(self) -> None:
        positive("noise multiplier", self.noise_multiplier)
        proportion("sampling rate", self.sampling_rate)
        count("steps", self.steps)
        positive("clip", self.clip)

    @property
    def times(self) -> int:
        """How often the mechanism acts."""
        return self.steps

    def repeated(self, times: int) -> "DpSgd":
        """The same mechanism acting another number of times."""
        return replace(self, steps=times)


@dataclass(frozen=True, kw_only=True)
class GaussianRelease:
    """Values of L2 sensitivity one, released with Gaussian noise (counts, metrics)."""

    kind: ClassVar[str] = "gaussian"
    noise_multiplier: Decimal
    releases: int

    def __post_init__(self) -> None:
        positive("noise multiplier", self.noise_multiplier)
        count("releases", self.releases)

    @property
    def times(self) -> int:
        """How often the mechanism acts."""
        return self.releases

    def repeated(self, times: int) -> "GaussianRelease":
        """The same mechanism acting another number of times."""
        return replace(self, releases=times)


@dataclass(frozen=True, kw_only=True)
class LaplaceRelease:
    """Values of L1 sensitivity one, released with Laplace noise of the given scale."""

    kind: ClassVar[str] = "laplace"
    scale: Decimal
    releases: int

    def __post_init__(self) -> None:
        positive("scale", self.scale)
        count("releases", self.releases)

    @property
    def times(self) -> int:
        """How often the mechanism acts."""
        return self.releases

    def repeated(self, times: int) -> "LaplaceRelease":
        """The same mechanism acting another number of times."""
        return replace(self, releases=times)


Mechanism: TypeAlias = DpSgd | GaussianRelease | LaplaceRelease


def gathered(mechanisms: tuple[Mechanism, ...]) -> tuple[Mechanism, ...]:
    """Equal mechanisms joined into one that acts as often as all of them, in order of appearance.

    Composition does not depend on the order, so this changes no loss and makes accounting fast."""
    totals: dict[Mechanism, int] = {}
    for mechanism in mechanisms:
        single = mechanism.repeated(1)
        totals[single] = totals.get(single, 0) + mechanism.times
    return tuple(single.repeated(times) for single, times in totals.items())


@dataclass(frozen=True, kw_only=True)
class PrivacyLoss:
    """An (ε, δ) statement and the adjacency under which it holds. ε may be infinite, never unknown.

    `epsilon` is the tight figure, for reports; `upper_bound` that of a second, looser method."""

    epsilon: Decimal
    upper_bound: Decimal
    delta: Decimal
    adjacency: Adjacency
    accountant: str

    def __post_init__(self) -> None:
        probability("delta", self.delta)
        for value in (self.epsilon, self.upper_bound):
            if value.is_nan() or value < 0:
                raise ConfigInvalid(f"A privacy loss cannot be {value}")
