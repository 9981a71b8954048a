"""Rényi differential privacy at one order: the arithmetic that admission rests on.

Promises an upper bound on each mechanism's Rényi divergence at an integer order, under add/remove
of one unit or under replacing one, rounded up to 1e-12, and the conversions between a sum of such
bounds and (ε, δ). Sums are exact decimals. Does not promise tightness: reports use a
privacy-loss-distribution accountant.

Papers: Canonne, Kamath, Steinke 2020 (arXiv 2004.00010, Proposition 12, the conversion); Feldman,
Zrnic 2021 (2008.11193) and 2309.05901 for why a sum at one order, fixed beforehand, may admit jobs
that were chosen after seeing earlier results and that run concurrently. The formulas of single
mechanisms are in `divergences`, with theirs.
"""

import math
from decimal import ROUND_CEILING, Context, Decimal
from functools import lru_cache

from securefed.domain import divergences
from securefed.domain.numbers import rounded_up
from securefed.domain.privacy import (
    Adjacency,
    DiscreteGaussianRelease,
    DiscreteLaplaceRelease,
    DpSgd,
    GaussianRelease,
    LaplaceRelease,
    Mechanism,
    Sampling,
)
from securefed.errors import AllowanceInvalid

INFINITE = Decimal("Infinity")
ORDERS: tuple[int, ...] = (*range(2, 65), 72, 80, 96, 112, 128, 160, 192, 256, 384, 512)
_LEAST_DELTA = Decimal("1e-30")
_SIX_DIGITS = Context(prec=6, rounding=ROUND_CEILING)


def renyi_loss(mechanism: Mechanism, order: int) -> Decimal:
    """The mechanism's divergence at the order, over all the times that it acts."""
    return loss_of_one(mechanism.repeated(1), order) * mechanism.times


@lru_cache(maxsize=4096)
def loss_of_one(mechanism: Mechanism, order: int) -> Decimal:
    """The divergence of a mechanism that acts once. Unknown mechanisms cost infinitely much."""
    return _divergence(mechanism, order, Adjacency.ADD_REMOVE)


def total_at(mechanisms: tuple[Mechanism, ...], order: int) -> Decimal:
    """The divergence of all mechanisms together."""
    return sum((renyi_loss(mechanism, order) for mechanism in mechanisms), Decimal(0))


def epsilon_at(total: Decimal, order: int, delta: Decimal) -> Decimal:
    """The ε, at δ, that a divergence at one order implies; never below zero."""
    if total.is_infinite():
        return INFINITE
    return max(Decimal(0), total + rounded_up(_conversion(order, delta)))


def delta_at(total: Decimal, order: int, epsilon: Decimal) -> Decimal:
    """The δ, at ε, that a divergence at one order implies."""
    if total.is_infinite():
        return Decimal(1)
    room = float(total - epsilon) + math.log1p(-1 / order)
    return delta_rounded_up(math.exp(min(0.0, (order - 1) * room - math.log(order))))


def delta_rounded_up(value: float) -> Decimal:
    """A computed δ as a decimal of six digits, never below the true one, and at most 1."""
    exact = Decimal(value) * Decimal("1.000000001")
    return min(Decimal(1), max(_LEAST_DELTA, _SIX_DIGITS.create_decimal(exact)))


def budget_at(order: int, epsilon: Decimal, delta: Decimal) -> Decimal:
    """The divergence at one order that stays within (ε, δ); negative where there is no room."""
    return epsilon - rounded_up(_conversion(order, delta))


def best_epsilon(
    mechanisms: tuple[Mechanism, ...],
    delta: Decimal,
    adjacency: Adjacency = Adjacency.ADD_REMOVE,
) -> Decimal:
    """The least ε over all orders. For reports: a filter must fix its order beforehand."""
    if not mechanisms:
        return Decimal(0)
    totals = _totals(mechanisms, adjacency)
    return min(epsilon_at(total, order, delta) for order, total in totals.items())


def best_delta(mechanisms: tuple[Mechanism, ...], epsilon: Decimal) -> Decimal:
    """The least δ over all orders."""
    if not mechanisms:
        return Decimal(0)
    totals = _totals(mechanisms, Adjacency.ADD_REMOVE)
    return min(delta_at(total, order, epsilon) for order, total in totals.items())


def filter_order(epsilon: Decimal, delta: Decimal) -> int:
    """The order for an allowance, chosen when it is granted and kept.

    Full-batch Gaussian work fits best at the order that maximises budget/order. Subsampled work
    with little noise grows much faster with the order, so we take the least order that keeps nine
    tenths of that maximum."""
    room = {order: budget_at(order, epsilon, delta) / order for order in ORDERS}
    most = max(room.values())
    if most <= 0:
        raise AllowanceInvalid(f"ε={epsilon} at δ={delta} leaves nothing to spend at any order")
    enough = [order for order in ORDERS if room[order] >= most * Decimal("0.9")]
    return enough[0]


def _conversion(order: int, delta: Decimal) -> float:
    log_delta = float(delta.ln())
    return math.log1p(-1 / order) - (log_delta + math.log(order)) / (order - 1)


def _totals(mechanisms: tuple[Mechanism, ...], adjacency: Adjacency) -> dict[int, Decimal]:
    curves = [(_curve(one.repeated(1), adjacency), one.times) for one in mechanisms]
    return {
        order: sum((curve[place] * times for curve, times in curves), Decimal(0))
        for place, order in enumerate(ORDERS)
    }


@lru_cache(maxsize=4096)
def _curve(mechanism: Mechanism, adjacency: Adjacency) -> tuple[Decimal, ...]:
    """The divergences of a mechanism that acts once, at all orders."""
    return tuple(_divergence(mechanism, order, adjacency) for order in ORDERS)


def _divergence(mechanism: Mechanism, order: int, adjacency: Adjacency) -> Decimal:
    value = _formula(mechanism, order, adjacency)
    return rounded_up(value) if value < 1e9 else INFINITE


def _formula(mechanism: Mechanism, order: int, adjacency: Adjacency) -> float:
    replaced = adjacency is Adjacency.REPLACE_ONE
    shift = 2 if replaced else 1
    match mechanism:
        case DpSgd(sampling=Sampling.POISSON):
            rate, noise = float(mechanism.sampling_rate), float(mechanism.noise_multiplier)
            if replaced:
                return divergences.sampled_gaussian_replaced(rate, noise, order)
            return divergences.sampled_gaussian(rate, noise, order)
        case GaussianRelease():
            return divergences.gaussian(float(mechanism.noise_multiplier), order, shift)
        case DiscreteGaussianRelease():
            return divergences.gaussian(float(mechanism.scale), order, shift)
        case LaplaceRelease():
            return divergences.laplace(float(mechanism.scale) / shift, order)
        case DiscreteLaplaceRelease():
            return divergences.discrete_laplace(float(mechanism.scale), order, shift)
        case _:
            return math.inf
