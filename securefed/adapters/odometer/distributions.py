"""Privacy loss distributions of a whole history, composed so that one job more costs little more.

Acts hang in a binary tree, each at a place that only its own parameters decide. So the same work
gives the same figures to the last bit, whatever was asked before; and where an act is added or
repeated more often, only the branches above it are composed anew. Large branches are kept, in
memory and for this process: 250 MB for a thousand mechanisms. Promises nothing about time:
`figures` decides what is affordable.

Replacing a unit removes one and adds another. Noise with a log-concave density then looks as if
the sensitivity were two (Dong, Roth, Su 2022, arXiv 1905.02383, Theorem 2.14, group privacy, which
is tight for it); the sampled Gaussian has a pair of distributions of its own in dp-accounting.
"""

import hashlib
import math
from functools import lru_cache
from typing import Any, TypeAlias

from dp_accounting import pld

from securefed.adapters.odometer.acts import Act, Acts
from securefed.adapters.odometer.gaussian_step import gaussian_step
from securefed.domain.privacy import (
    Adjacency,
    DiscreteGaussianRelease,
    DiscreteLaplaceRelease,
    GaussianRelease,
    LaplaceRelease,
)

Distribution: TypeAlias = Any  # dp-accounting ships no types
_Placed: TypeAlias = tuple[tuple[int, Act, int], ...]

_library = pld.privacy_loss_distribution
_PLACE_BITS = 256
_KEPT_FROM = 8
# The library raises a distribution's size to the power of its repetitions, as an exact integer.
_BLOCK = 100_000


def composed(acts: Acts, adjacency: Adjacency, interval: float) -> Distribution:
    """The distribution of all acts together, on a grid of the given interval."""
    placed = tuple(sorted((_place(act), act, times) for act, times in acts))
    return _branch(placed, _PLACE_BITS - 1, adjacency, interval)


def _place(act: Act) -> int:
    return int.from_bytes(hashlib.sha256(repr(tuple(act)).encode()).digest(), "big")


def _branch(placed: _Placed, bit: int, adjacency: Adjacency, interval: float) -> Distribution:
    if len(placed) == 1:
        [(_, act, times)] = placed
        return _repeated(act, times, adjacency, interval)
    build = _kept if len(placed) >= _KEPT_FROM else _built
    return build(placed, bit, adjacency, interval)


def _built(placed: _Placed, bit: int, adjacency: Adjacency, interval: float) -> Distribution:
    middle = sum(not place >> bit & 1 for place, _, _ in placed)
    if middle in (0, len(placed)):
        return _branch(placed, bit - 1, adjacency, interval)
    left = _branch(placed[:middle], bit - 1, adjacency, interval)
    return left.compose(_branch(placed[middle:], bit - 1, adjacency, interval))


_kept = lru_cache(maxsize=512)(_built)


@lru_cache(maxsize=16)
def _repeated(act: Act, times: int, adjacency: Adjacency, interval: float) -> Distribution:
    if act.rate == 1.0 and act.kind == GaussianRelease.kind:
        # As one Gaussian with less noise, which has a closed form.
        return _once(act._replace(noise=act.noise / math.sqrt(times)), adjacency, interval)
    once = _once(act, adjacency, interval)
    blocks, rest = divmod(times, _BLOCK)
    if not blocks:
        return once if times == 1 else once.self_compose(times)
    whole = once.self_compose(_BLOCK).self_compose(blocks)
    return whole.compose(once.self_compose(rest)) if rest else whole


@lru_cache(maxsize=8)
def _once(act: Act, adjacency: Adjacency, interval: float) -> Distribution:
    replaced = adjacency is Adjacency.REPLACE_ONE
    grid = {"value_discretization_interval": interval, "use_connect_dots": True}
    apart = 2 if replaced else 1
    match act.kind:
        case LaplaceRelease.kind:
            return _library.from_laplace_mechanism(act.noise, apart, **grid)
        case DiscreteLaplaceRelease.kind:
            return _library.from_discrete_laplace_mechanism(1 / act.noise, apart, **grid)
        case DiscreteGaussianRelease.kind:
            return _library.from_discrete_gaussian_mechanism(act.noise, apart, **grid)
    return gaussian_step(act.noise, act.rate, interval, replaced=replaced)
