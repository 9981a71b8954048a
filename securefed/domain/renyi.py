"""Rényi differential privacy at one order: the arithmetic that admission rests on.

Promises an upper bound on each mechanism's Rényi divergence at an integer order, under add/remove
of one unit, rounded up to 1e-12, and the conversions between a sum of such bounds and (ε, δ). Sums
are exact decimals. Does not promise tightness: reports use a privacy-loss-distribution accountant.

Papers: Mironov, Talwar, Zhang 2019 (arXiv 1908.10530, the sampled Gaussian at integer orders);
Mironov 2017 (1702.07476, Laplace); Canonne, Kamath, Steinke 2020 (2004.00010, Proposition 12, the
conversion); Feldman, Zrnic 2021 (2008.11193) and 2309.05901 for why a sum at one order, fixed
beforehand, may admit jobs that were chosen after seeing earlier results and that run concurrently.
"""

import math
from decimal import Decimal
from functools import lru_cache

from securefed.domain.numbers import rounded_up
from securefed.domain.privacy import DpSgd, GaussianRelease, LaplaceRelease, Mechanism, Sampling
from securefed.errors import AllowanceInvalid

INFINITE = Decimal("Infinity")
ORDERS: tuple[int, ...] = (*range(2, 65), 72, 80, 96, 112, 128, 160, 192, 256, 384, 512)


def renyi_loss(mechanism: Mechanism, order: int) -> Decimal:
    """The mechanism's divergence at the order, over all the times that it acts."""
    return loss_of_one(mechanism.repeated(1), order) * mechanism.times


@lru_cache(maxsize=4096)
def loss_of_one(mechanism: Mechanism, order: int) -> Decimal:
    """The divergence of a mechanism that acts once. Unknown mechanisms cost infinitely much."""
    match mechanism:
        case DpSgd(sampling=Sampling.POISSON):
            rate, noise = float(mechanism.sampling_rate), float(mechanism.noise_multiplier)
            return _finite(_sampled_gaussian(rate, noise, order))
        case GaussianRelease():
            return _finite(_gaussian(float(mechanism.noise_multiplier), order))
        case LaplaceRelease():
            return _finite(_laplace(float(mechanism.scale), order))
        case _:
            return INFINITE


def total_at(mechanisms: tuple[Mechanism, ...], order: int) -> Decimal:
    """The divergence of all mechanisms together."""
    return sum((renyi_loss(mechanism, order) for mechanism in mechanisms), Decimal(0))


def epsilon_at(total: Decimal, order: int, delta: Decimal) -> Decimal:
    """The ε, at δ, that a divergence at one order implies; never below zero."""
    if total.is_infinite():
        return INFINITE
    return max(Decimal(0), total + rounded_up(_conversion(order, delta)))


def budget_at(order: int, epsilon: Decimal, delta: Decimal) -> Decimal:
    """The divergence at one order that stays within (ε, δ); negative where there is no room."""
    return epsilon - rounded_up(_conversion(order, delta))


def best_epsilon(mechanisms: tuple[Mechanism, ...], delta: Decimal) -> Decimal:
    """The least ε over all orders. For reports: a filter must fix its order beforehand."""
    if not mechanisms:
        return Decimal(0)
    return min(epsilon_at(total_at(mechanisms, order), order, delta) for order in ORDERS)


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


def _gaussian(noise: float, order: int) -> float:
    return order / (2 * noise * noise)


def _sampled_gaussian(rate: float, noise: float, order: int) -> float:
    if rate == 1.0:
        return _gaussian(noise, order)
    # The binomial weights add up to one, so only what exceeds one is summed: every term is positive
    # and a small loss keeps all its digits.
    excess = [
        math.log(math.comb(order, k))
        + k * math.log(rate)
        + (order - k) * math.log1p(-rate)
        + _log_expm1(k * (k - 1) / (2 * noise * noise))
        for k in range(2, order + 1)
    ]
    return _log1p_exp(_log_sum_exp(excess)) / (order - 1)


def _laplace(scale: float, order: int) -> float:
    further, nearer = (order - 1) / scale, order / scale
    if further < 1:
        # The first powers of 1/scale cancel, so only what exceeds one is summed.
        excess = order * math.expm1(further) + (order - 1) * math.expm1(-nearer)
        return math.log1p(excess / (2 * order - 1)) / (order - 1)
    terms = [
        math.log(order / (2 * order - 1)) + further,
        math.log((order - 1) / (2 * order - 1)) - nearer,
    ]
    return _log_sum_exp(terms) / (order - 1)


def _log_expm1(x: float) -> float:
    return x + math.log(-math.expm1(-x))


def _log1p_exp(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _log_sum_exp(terms: list[float]) -> float:
    largest = max(terms)
    return largest + math.log(math.fsum(math.exp(term - largest) for term in terms))


def _finite(value: float) -> Decimal:
    return rounded_up(value) if math.isfinite(value) and value < 1e9 else INFINITE
