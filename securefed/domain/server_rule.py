"""How a round's average moves the global model: the rule and its numbers, as a study states them.

The arithmetic is in `securefed.aggregation.combining`. Whatever is stated here acts on opened sums
only, so it costs no privacy and no owner needs to judge it; it is stated so that a run that goes on
after a crash goes on by the same rule.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import ClassVar, TypeAlias

from securefed.domain.identifiers import Digest
from securefed.domain.numbers import count, not_negative, positive
from securefed.domain.records import record_digest
from securefed.errors import NumberInvalid

PLAN_KIND = "server-plan"


@dataclass(frozen=True, kw_only=True)
class FedAvg:
    """The model moves by the average times the rate; at rate one it is the sites' mean model."""

    kind: ClassVar[str] = "fed-avg"
    rate: Decimal

    def __post_init__(self) -> None:
        positive("server rate", self.rate)


@dataclass(frozen=True, kw_only=True)
class ServerMomentum:
    """Averages add up, each round's past ones shrunk (FedAvgM, Hsu et al. 2019)."""

    kind: ClassVar[str] = "server-momentum"
    rate: Decimal
    momentum: Decimal

    def __post_init__(self) -> None:
        positive("server rate", self.rate)
        _decay("momentum", self.momentum)


@dataclass(frozen=True, kw_only=True)
class FedAdagrad:
    """Reddi et al. 2021, algorithm 2. Squares of averages add up and never shrink."""

    kind: ClassVar[str] = "fed-adagrad"
    rate: Decimal
    beta1: Decimal
    tau: Decimal

    def __post_init__(self) -> None:
        positive("server rate", self.rate)
        _decay("beta1", self.beta1)
        positive("tau", self.tau)


@dataclass(frozen=True, kw_only=True)
class _Decaying:
    """What FedAdam and FedYogi have in common. `tau` is the degree of adaptivity: where averages
    are far smaller, both act like momentum."""

    rate: Decimal
    beta1: Decimal
    beta2: Decimal
    tau: Decimal

    def __post_init__(self) -> None:
        positive("server rate", self.rate)
        _decay("beta1", self.beta1)
        _decay("beta2", self.beta2)
        positive("tau", self.tau)


@dataclass(frozen=True, kw_only=True)
class FedAdam(_Decaying):
    """Reddi et al. 2021, algorithm 2. Without a correction of bias, as there."""

    kind: ClassVar[str] = "fed-adam"


@dataclass(frozen=True, kw_only=True)
class FedYogi(_Decaying):
    """Reddi et al. 2021, algorithm 2. The mean of squares moves by a step of bounded size."""

    kind: ClassVar[str] = "fed-yogi"


ServerRule: TypeAlias = FedAvg | ServerMomentum | FedAdagrad | FedAdam | FedYogi


@dataclass(frozen=True, kw_only=True)
class ServerPlan:
    """A study's rule, and whether it has a control variate (SCAFFOLD)."""

    rule: ServerRule
    control: bool

    @cached_property
    def digest(self) -> Digest:
        """What a server's state names."""
        return record_digest(PLAN_KIND, self)


def stride_of(rate: Decimal, steps: int, *, average: bool) -> Decimal:
    """How far a round of plain gradient steps of size one goes: an update over it is a gradient.

    After K steps of rate η a site is Kη mean gradients away from where it began. The mean of its
    weights after each step weighs the j-th gradient by (K − j + 1)/K, which is η(K + 1)/2 in all.
    Momentum and Adam have no such number."""
    positive("learning rate", rate)
    count("steps", steps)
    return rate * (steps + 1) / 2 if average else rate * steps


def _decay(name: str, value: Decimal) -> None:
    if not_negative(name, value) >= 1:
        raise NumberInvalid(f"{name} is {value}; it must be at least 0 and below 1")
