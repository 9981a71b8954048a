"""Rényi divergences by numerical integration, a computation that shares nothing with `renyi`.

The trapezoid rule on a smooth integrand that dies away on both sides converges faster than any
power of the step; Laplace densities are integrated piece by piece between their kinks. All sums are
taken over logarithms, so that nothing overflows.
"""

import math
from collections.abc import Callable
from statistics import NormalDist

_STEPS = 4000


def sampled_gaussian(rate: float, noise: float, order: int) -> float:
    """The divergence at an order of the mixture with one unit from the noise without it."""
    return _divergence(lambda x: _log_ratio(x, rate, noise), noise, order)


def sampled_gaussian_reversed(rate: float, noise: float, order: int) -> float:
    """The divergence the other way round, when the unit is removed."""

    def log_integrand(x: float) -> float:
        return _log_normal(x, noise) - (order - 1) * _log_ratio(x, rate, noise)

    return _log_trapezoid(log_integrand, -order - 14 * noise, order + 14 * noise) / (order - 1)


def laplace(scale: float, order: int) -> float:
    """The divergence at an order of two Laplace densities that lie one apart."""

    def log_integrand(x: float) -> float:
        here, there = -abs(x) / scale, -abs(x - 1) / scale
        return order * here - (order - 1) * there - math.log(2 * scale)

    pieces = [(-40 * scale, 0.0), (0.0, 1.0), (1.0, 1 + 40 * scale)]
    parts = [_log_simpson(log_integrand, low, high) for low, high in pieces]
    return _log_sum(parts) / (order - 1)


def gaussian_delta(noise: float, epsilon: float) -> float:
    """The exact δ of one Gaussian release of sensitivity one (Balle, Wang 2018, Theorem 8)."""
    below = NormalDist().cdf
    return below(0.5 / noise - epsilon * noise) - math.exp(epsilon) * below(
        -0.5 / noise - epsilon * noise
    )


def _divergence(log_ratio: Callable[[float], float], noise: float, order: int) -> float:
    def log_integrand(x: float) -> float:
        return _log_normal(x, noise) + order * log_ratio(x)

    return _log_trapezoid(log_integrand, -14 * noise, order + 14 * noise) / (order - 1)


def _log_ratio(x: float, rate: float, noise: float) -> float:
    exponent = (2 * x - 1) / (2 * noise * noise)
    if exponent < 30:
        return math.log1p(rate * math.expm1(exponent))
    return math.log(rate) + exponent + math.log1p((1 - rate) / rate * math.exp(-exponent))


def _log_normal(x: float, noise: float) -> float:
    return -x * x / (2 * noise * noise) - math.log(noise * math.sqrt(2 * math.pi))


def _log_trapezoid(log_integrand: Callable[[float], float], low: float, high: float) -> float:
    width = (high - low) / _STEPS
    return _log_sum([log_integrand(low + place * width) for place in range(_STEPS + 1)]) + math.log(
        width
    )


def _log_simpson(log_integrand: Callable[[float], float], low: float, high: float) -> float:
    pairs = 2 * _STEPS
    width = (high - low) / (2 * pairs)
    weights = [1, *[4, 2] * (pairs - 1), 4, 1]
    terms = [
        log_integrand(low + place * width) + math.log(weight)
        for place, weight in enumerate(weights)
    ]
    return _log_sum(terms) + math.log(width / 3)


def _log_sum(terms: list[float]) -> float:
    largest = max(terms)
    return largest + math.log(math.fsum(math.exp(term - largest) for term in terms))
