"""The privacy loss distribution of one Gaussian step, on a grid, by dp-accounting's parts.

The library finds for each loss of the grid the outcome that has it, one after the other, which is
most of the time that a history of many jobs takes. Here that step is done for the whole grid at
once; tails, probabilities and the discretisation (Connect the Dots, arXiv 2207.04380) are the
library's. A wrong outcome could only lower δ, so a test compares both ways. What floats cannot hold
is an ArithmeticError or not a number.
"""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from dp_accounting import pld

_Floats: TypeAlias = npt.NDArray[np.float64]
_Adjacency = pld.privacy_loss_mechanism.AdjacencyType


def gaussian_step(noise: float, rate: float, interval: float, *, replaced: bool) -> Any:
    """The distribution when a unit is added or removed, or when it is replaced."""
    whole = pld.privacy_loss_distribution.PrivacyLossDistribution
    if replaced:
        return whole(_masses(noise, rate, interval, _Adjacency.REPLACE))
    removed = _masses(noise, rate, interval, _Adjacency.REMOVE)
    if rate == 1.0:
        return whole(removed)  # adding looks the same
    return whole(removed, _masses(noise, rate, interval, _Adjacency.ADD))


def _masses(noise: float, rate: float, interval: float, adjacency: Any) -> Any:
    step = pld.privacy_loss_mechanism.GaussianPrivacyLoss(
        noise, sampling_prob=rate, adjacency_type=adjacency
    )
    bounds = step.connect_dots_bounds()
    lowest = math.floor(bounds.epsilon_lower / interval)
    highest = math.ceil(bounds.epsilon_upper / interval)
    losses = np.arange(lowest, highest + 1) * interval
    with np.errstate(all="ignore"):
        outcomes = _OUTCOME[adjacency](losses, noise, rate)
        below = np.exp(losses + step.mu_lower_log_cdf(outcomes))
        deltas = np.clip(step.mu_upper_cdf(outcomes) - below, 0.0, 1.0)
    return pld.pld_pmf.create_pmf_pessimistic_connect_dots_fixed_gap(
        interval, lowest, highest, deltas
    )


# Each gives the largest outcome at which the loss is at least so large.


def _when_removed(losses: _Floats, noise: float, rate: float) -> _Floats:
    return np.asarray(-0.5 - _unsampled(losses, rate) * noise**2)


def _when_added(losses: _Floats, noise: float, rate: float) -> _Floats:
    return np.asarray(0.5 + _unsampled(-losses, rate) * noise**2)


def _unsampled(losses: _Floats, rate: float) -> _Floats:
    """log(1 + (exp(loss) - 1) / rate), the loss of the step had all been sampled.

    Clipped at -1 is a loss that no outcome has: every outcome exceeds it, or none."""
    near = np.log1p(np.maximum(np.expm1(losses) / rate, -1.0))
    far = losses + np.log1p(np.maximum((rate - 1.0) * np.exp(-losses), -1.0)) - math.log(rate)
    return np.where(np.abs(losses) < 1.0, near, far)


def _when_replaced(losses: _Floats, noise: float, rate: float) -> _Floats:
    # arcsinh(factor · sinh(|loss|/2)) over logarithms, so that nothing overflows.
    half = np.abs(losses) / 2
    log_factor = 0.5 / noise**2 + np.log1p(-rate) - math.log(rate)
    log_sinh = half + np.log1p(-np.exp(-2 * half)) - math.log(2)
    inside = log_factor + log_sinh
    arcsinh = np.logaddexp(0.5 * np.logaddexp(0.0, 2 * inside), inside)
    return np.asarray(-(noise**2) * np.sign(losses) * (arcsinh + half))


_OUTCOME: dict[Any, Callable[[_Floats, float, float], _Floats]] = {
    _Adjacency.REMOVE: _when_removed,
    _Adjacency.ADD: _when_added,
    _Adjacency.REPLACE: _when_replaced,
}
