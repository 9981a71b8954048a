"""Rényi divergences of single mechanisms at integer orders, as formulas over floats.

Promises an upper bound up to the rounding of its own floats, also where parameters are extreme: an
overflow is infinite, and what almost cancels is summed without the part that cancels. It knows
nothing of records or decimals; `renyi` rounds up what comes out of here.

Papers: Mironov, Talwar, Zhang 2019 (arXiv 1908.10530, the sampled Gaussian); Mironov 2017
(1702.07476, Laplace, and Proposition 11, the weak triangle inequality); Canonne, Kamath, Steinke
2020 (2004.00010, Proposition 5, the discrete Gaussian: no more than the continuous one). Replacing
a unit removes one and adds another. For noise with a log-concave density that is the same as twice
the sensitivity (Dong, Roth, Su 2022, 1905.02383, Theorem 2.14, group privacy; it is tight there).
"""

import math
from functools import lru_cache


def gaussian(noise: float, order: int, shift: int = 1) -> float:
    """Gaussian noise, continuous or discrete, on values that lie `shift` apart."""
    return shift * shift * order / (2 * noise * noise)


def sampled_gaussian(rate: float, noise: float, order: int) -> float:
    """Gaussian noise on a Poisson sample, when a unit is added or removed."""
    if rate == 1.0:
        return gaussian(noise, order)
    log_rate, log_rest = math.log(rate), math.log1p(-rate)
    # The binomial weights add up to one, so only what exceeds one is summed: every term is positive
    # and a small loss keeps all its digits.
    excess = [
        ways + k * log_rate + (order - k) * log_rest + growth
        for k, (ways, growth) in enumerate(
            zip(_log_choices(order), _log_growth(noise, _table_size(order)), strict=False), start=2
        )
    ]
    return _log1p_exp(_log_sum_exp(excess)) / (order - 1)


def sampled_gaussian_replaced(rate: float, noise: float, order: int) -> float:
    """The same when a unit is replaced: by way of the data without it, or as if never sampled."""
    unsampled = gaussian(noise, order, shift=2)
    if rate == 1.0:
        return unsampled
    there = sampled_gaussian(rate, noise, 2 * order)
    back = sampled_gaussian(rate, noise, 2 * order - 1)
    return min(unsampled, (order - 0.5) / (order - 1) * there + back)


def laplace(scale: float, order: int) -> float:
    """Laplace noise on values that lie one apart."""
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


def discrete_laplace(scale: float, order: int, shift: int = 1) -> float:
    """Discrete Laplace noise on integers that lie one or two apart.

    With t = exp(-1/scale) the geometric sums give, for a shift s of one or two,
    1 + (t^(-s(order-1)) - 1)(1 - t^(s·order)) / (1 + t), of which this is the logarithm."""
    further, nearer = shift * (order - 1) / scale, shift * order / scale
    excess = _log_expm1(further) + math.log(-math.expm1(-nearer)) - math.log1p(math.exp(-1 / scale))
    return _log1p_exp(excess) / (order - 1)


def _table_size(order: int) -> int:
    """A power of two, so that near orders share a table."""
    return max(16, 1 << (order - 1).bit_length())


@lru_cache(maxsize=512)
def _log_choices(order: int) -> tuple[float, ...]:
    return tuple(math.log(math.comb(order, k)) for k in range(2, order + 1))


@lru_cache(maxsize=256)
def _log_growth(noise: float, size: int) -> tuple[float, ...]:
    variance = 2 * noise * noise
    return tuple(_log_expm1(k * (k - 1) / variance) for k in range(2, size + 1))


def _log_expm1(x: float) -> float:
    return x + math.log(-math.expm1(-x))


def _log1p_exp(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _log_sum_exp(terms: list[float]) -> float:
    largest = max(terms)
    return largest + math.log(math.fsum(math.exp(term - largest) for term in terms))
