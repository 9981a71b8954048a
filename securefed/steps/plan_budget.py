"""Answering what a round costs, and what would fit: noise, sampling, rounds, and their use.

Figures come from the accountant at one δ, and its tight one answers every question. Nothing is
reserved, and no site is asked.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from securefed.domain.budget import Book
from securefed.domain.planning import (
    Cost,
    Costs,
    PlannedRound,
    Point,
    curve,
    least_useful,
    noise_for,
    rate_for,
    rounds_for,
    signal,
)
from securefed.domain.privacy import Mechanism, PrivacyLoss
from securefed.domain.renyi import best_epsilon, total_at
from securefed.domain.request import CodeRequest
from securefed.domain.study import Participant
from securefed.ports import Accountant


@dataclass(frozen=True, kw_only=True)
class Population:
    """Who is protected, and how many numbers are trained on them."""

    units: int
    parameters: int


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a number of rounds costs."""

    rounds: int
    loss: PrivacyLoss
    curve: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """What would cost at most a target: each alone, the rest as it is."""

    target: Decimal
    noise_multiplier: Decimal | None
    sampling_rate: Decimal | None
    rounds: int


@dataclass(frozen=True, kw_only=True)
class Usefulness:
    """How the largest possible signal compares with the noise, and from which ε on it can win."""

    population: Population
    signal: float
    least_epsilon: Decimal | None


def cost_of(one: PlannedRound, rounds: int, delta: Decimal, accountant: Accountant) -> Figures:
    """What the rounds cost, and ε on the way."""
    mechanisms = one.times(rounds)
    return Figures(
        rounds=rounds,
        loss=accountant.loss(mechanisms, delta),
        curve=curve(_cost(accountant, delta), one, rounds),
    )


def fitting(
    one: PlannedRound, rounds: int, delta: Decimal, target: Decimal, accountant: Accountant
) -> Fitting:
    """The least noise, the largest sampling rate, the most rounds that cost at most the target."""
    return _fitted(_costs(accountant, delta), one, rounds, target)


def fitting_left(book: Book, asked: CodeRequest, now: datetime) -> Fitting:
    """The same for what is left of a dataset, counted as admission counts: at the fixed order.

    The target is a divergence, not an ε: all that is left to this requester."""
    order = book.granted(now).order
    left = max(Decimal(0), book.left_for(asked.requester))
    one = planned(asked.part)

    def counted(mechanisms: tuple[Mechanism, ...]) -> Decimal:
        return total_at(mechanisms, order)

    return _fitted(Costs(tight=counted, quick=counted), one, asked.study.attempts, left)


def planned(part: Participant) -> PlannedRound:
    """One attempt of a study at a site, as planning sees it."""
    others = () if part.metrics is None else (part.metrics,)
    return PlannedRound(training=part.training, others=others)


def usefulness(
    one: PlannedRound,
    rounds: int,
    delta: Decimal,
    population: Population,
    accountant: Accountant,
) -> Usefulness:
    """Whether records that all agree could be told from the noise."""
    units, parameters = population.units, population.parameters
    return Usefulness(
        population=population,
        signal=signal(one.training, rounds, units, parameters),
        least_epsilon=least_useful(_cost(accountant, delta), units, parameters),
    )


def _costs(accountant: Accountant, delta: Decimal) -> Costs:
    return Costs(
        tight=_cost(accountant, delta), quick=lambda mechanisms: best_epsilon(mechanisms, delta)
    )


def _cost(accountant: Accountant, delta: Decimal) -> Cost:
    return lambda mechanisms: accountant.loss(mechanisms, delta).epsilon


def _fitted(costs: Costs, one: PlannedRound, rounds: int, target: Decimal) -> Fitting:
    return Fitting(
        target=target,
        noise_multiplier=noise_for(costs, one, rounds, target),
        sampling_rate=rate_for(costs, one, rounds, target),
        rounds=rounds_for(costs, one, target),
    )
