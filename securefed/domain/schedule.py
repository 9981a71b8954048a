"""How a learning rate changes over a study's rounds: a factor of round and rounds, nothing else.

For the server's rate and for the sites' alike. Promises a factor between zero and one, exactly one
where the schedule says so and exactly its final value in the last round. A round that is attempted
again, or that a site missed, changes no other round's factor.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, TypeAlias

from securefed.domain.numbers import count, proportion


@dataclass(frozen=True, kw_only=True)
class Constant:
    """Always one."""

    kind: ClassVar[str] = "constant"

    def at(self, _: float) -> float:
        """The factor when a part of the way is gone."""
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Cosine:
    """From one to `final` along half a cosine (Loshchilov, Hutter 2017, without restarts)."""

    kind: ClassVar[str] = "cosine"
    final: Decimal

    def __post_init__(self) -> None:
        proportion("final", self.final)

    def at(self, gone: float) -> float:
        """The factor when a part of the way is gone."""
        # In this form the ends are exact: one times one, and one times `final`.
        height = (1 + math.cos(math.pi * gone)) / 2
        return height + (1 - height) * float(self.final)


@dataclass(frozen=True, kw_only=True)
class Steps:
    """From one to `final` in equal factors, at the ends of equally long stretches."""

    kind: ClassVar[str] = "steps"
    final: Decimal
    times: int

    def __post_init__(self) -> None:
        proportion("final", self.final)
        count("times", self.times, most=1000)

    def at(self, gone: float) -> float:
        """The factor when a part of the way is gone."""
        taken = min(self.times, int(gone * (self.times + 1)))
        return (
            float(self.final) if taken == self.times else float(self.final) ** (taken / self.times)
        )


Course: TypeAlias = Constant | Cosine | Steps


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A course, after some rounds of linear warm-up: the last of them has the whole rate."""

    course: Course
    warm_up: int

    def __post_init__(self) -> None:
        count("warm-up rounds", self.warm_up, least=0, most=100_000)

    def factor(self, round_: int, rounds: int) -> float:
        """What the rate of a round is multiplied by; rounds count from one."""
        count("rounds", rounds)
        count("round", round_, most=rounds)
        if round_ < self.warm_up:
            return round_ / self.warm_up
        first = max(1, self.warm_up)
        # A study of one round, or one that ends with its warm-up, has no way to go.
        return self.course.at((round_ - first) / (rounds - first)) if rounds > first else 1.0
