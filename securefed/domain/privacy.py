"""What protects a unit: the mechanisms that were run, and the loss that they amount to.

A mechanism stores what was done (noise, sampling, steps), never what it cost: ε is derived, by
`renyi` for admission and by an accountant for reports, so a better accountant needs no new records.
Whatever has no rule in `renyi` costs infinitely much.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Self, TypeAlias

from securefed.domain.identifiers import Line
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
class _Repeated:
    """What acts a number of times; `counted` names the field that says how often."""

    counted: ClassVar[str] = "releases"

    @property
    def times(self) -> int:
        """How often the mechanism acts."""
        return int(getattr(self, self.counted))

    def repeated(self, times: int) -> Self:
        """The same mechanism acting another number of times."""
        return replace(self, **{self.counted: times})


@dataclass(frozen=True, kw_only=True)
class _ScaledNoise(_Repeated):
    """Values released with noise of a scale, each time with fresh noise."""

    scale: Decimal
    releases: int

    def __post_init__(self) -> None:
        positive("scale", self.scale)
        count("releases", self.releases)


@dataclass(frozen=True, kw_only=True)
class DpSgd(_Repeated):
    """Steps of clipped, subsampled, Gaussian-noised gradient sums."""

    kind: ClassVar[str] = "dp-sgd"
    counted: ClassVar[str] = "steps"
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

    @classmethod
    def full_batch(cls, noise: Decimal) -> "DpSgd":
        """One step over every unit, clipped at one."""
        return cls(
            noise_multiplier=noise,
            sampling_rate=Decimal(1),
            sampling=Sampling.POISSON,
            steps=1,
            clip=Decimal(1),
        )


@dataclass(frozen=True, kw_only=True)
class GaussianRelease(_Repeated):
    """Values of L2 sensitivity one, released with Gaussian noise (counts, metrics)."""

    kind: ClassVar[str] = "gaussian"
    noise_multiplier: Decimal
    releases: int

    def __post_init__(self) -> None:
        positive("noise multiplier", self.noise_multiplier)
        count("releases", self.releases)


@dataclass(frozen=True, kw_only=True)
class LaplaceRelease(_ScaledNoise):
    """Values of L1 sensitivity one, released with Laplace noise of the given scale."""

    kind: ClassVar[str] = "laplace"


@dataclass(frozen=True, kw_only=True)
class DiscreteGaussianRelease(_ScaledNoise):
    """Integers of L2 sensitivity one, released with discrete Gaussian noise of parameter `scale`.

    One unit changes at most one of the integers, by one. A value that is quantised more finely has
    a larger sensitivity and is not this mechanism."""

    kind: ClassVar[str] = "discrete-gaussian"


@dataclass(frozen=True, kw_only=True)
class DiscreteLaplaceRelease(_ScaledNoise):
    """Integers of L1 sensitivity one, released with discrete Laplace noise of the given scale."""

    kind: ClassVar[str] = "discrete-laplace"


Mechanism: TypeAlias = (
    DpSgd | GaussianRelease | LaplaceRelease | DiscreteGaussianRelease | DiscreteLaplaceRelease
)


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

    `epsilon` is the tight figure, for reports; `upper_bound` that of a second, looser method.
    `replace_one` is ε at that δ where neighbours differ in one unit's data, not its presence."""

    epsilon: Decimal
    upper_bound: Decimal
    replace_one: Decimal
    delta: Decimal
    adjacency: Adjacency
    accountant: Line

    def __post_init__(self) -> None:
        probability("delta", self.delta)
        for value in (self.epsilon, self.upper_bound, self.replace_one):
            if value.is_nan() or value < 0:
                raise ConfigInvalid(f"A privacy loss cannot be {value}")
