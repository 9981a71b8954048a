"""ε at δ and δ at ε, from composed privacy loss distributions, where these are affordable.

Promises figures that are not below the true ones, including the rounding errors of the library's
floats. Does not hang on extreme parameters: the costliest act that was found takes about five
seconds, and where a distribution would be unsound, dear or of no use it is left out.
"""

import math

from securefed.adapters.odometer.acts import Act, Acts
from securefed.adapters.odometer.distributions import Distribution, composed
from securefed.adapters.odometer.divergences import NO_FIGURE, sound
from securefed.domain.privacy import (
    Adjacency,
    DiscreteGaussianRelease,
    DiscreteLaplaceRelease,
    LaplaceRelease,
)

# Of the grid of losses: the finest that stays affordable, else the last. The first gives what the
# library's own 1e-4 gives to three digits; the last was measured up to 0.003 above it, for one act.
_INTERVALS = (2e-4, 5e-4, 1e-3)
_MOST_POINTS = 2_000_000
_LARGEST_EPSILON = 50.0
_MOST_ACTS = 2000
_MOST_TIMES = 10**8
# The library walks through every integer within a dozen scales of discrete Gaussian noise.
_LARGEST_DISCRETE_SCALE = 2000.0
# Of δ, for each step: repeated convolution by FFT was measured wrong by up to 3e-15.
_CONVOLUTION_ERROR = 1e-14


def distribution_figure(
    acts: Acts, delta: float, bound: float, adjacency: Adjacency = Adjacency.ADD_REMOVE
) -> float:
    """ε at δ. `bound` is a figure under add/remove known already: a large loss needs no other."""
    certain = delta - _error(acts)
    if not _affordable(acts, bound) or certain < delta / 2:
        return math.inf
    try:
        return sound(_distribution(acts, bound, adjacency).get_epsilon_for_delta(certain))
    except NO_FIGURE:
        return math.inf


def distribution_deltas(acts: Acts, epsilons: tuple[float, ...], bound: float) -> tuple[float, ...]:
    """δ at each ε, under add/remove; 1 where no distribution is made."""
    if not _affordable(acts, bound):
        return tuple(1.0 for _ in epsilons)
    try:
        distribution = _distribution(acts, bound, Adjacency.ADD_REMOVE)
        deltas = [sound(distribution.get_delta_for_epsilon(epsilon)) for epsilon in epsilons]
    except NO_FIGURE:
        return tuple(1.0 for _ in epsilons)
    return tuple(min(1.0, delta + _error(acts)) for delta in deltas)


def _affordable(acts: Acts, bound: float) -> bool:
    discrete = (act for act, _ in acts if act.kind == DiscreteGaussianRelease.kind)
    return (
        bound <= _LARGEST_EPSILON
        and len(acts) <= _MOST_ACTS
        and sum(times for _, times in acts) <= _MOST_TIMES
        and all(act.noise <= _LARGEST_DISCRETE_SCALE for act in discrete)
    )


def _distribution(acts: Acts, bound: float, adjacency: Adjacency) -> Distribution:
    losses = sum(_widest(act, times) for act, times in acts)
    # What is composed reaches some ten times ε to both sides, and each act is composed once.
    reach = losses + len(acts) * 20 * bound
    fine = (interval for interval in _INTERVALS if reach / interval <= _MOST_POINTS)
    return composed(acts, adjacency, next(fine, _INTERVALS[-1]))


def _widest(act: Act, times: int) -> float:
    """About how far apart the losses are that one act can have, but for the rarest."""
    if act.kind in (LaplaceRelease.kind, DiscreteLaplaceRelease.kind):
        return 2 / act.noise
    if act.kind == DiscreteGaussianRelease.kind:
        # As many losses as integers within a dozen scales.
        return min(2 * _gaussian(act.noise), 24 * act.noise * _INTERVALS[0])
    if act.rate == 1.0:
        return 2 * _gaussian(act.noise / math.sqrt(times))
    whole = _gaussian(act.noise)
    return 2 * max(0.0, whole + math.log(act.rate + (1 - act.rate) * math.exp(-whole)))


def _gaussian(noise: float) -> float:
    return 10 / noise + 1 / (2 * noise * noise)


def _error(acts: Acts) -> float:
    return sum(times for _, times in acts) * _CONVOLUTION_ERROR
