"""Mechanisms as accounting knows them: a kind of noise, how much, and how records are sampled.

The clip is left out, since noise is measured in clips; a full-batch step is a Gaussian release.
Promises the same acts in the same order for the same work, however it was split or ordered.
"""

from typing import NamedTuple, TypeAlias

from securefed.domain.privacy import (
    DiscreteGaussianRelease,
    DiscreteLaplaceRelease,
    DpSgd,
    GaussianRelease,
    LaplaceRelease,
    Mechanism,
    Sampling,
)


class Act(NamedTuple):
    """Noise drawn once."""

    kind: str
    noise: float
    rate: float


Acts: TypeAlias = tuple[tuple[Act, int], ...]


def acts_of(mechanisms: tuple[Mechanism, ...]) -> Acts | None:
    """How often each act happens; None where a mechanism is unknown."""
    times: dict[Act, int] = {}
    for mechanism in mechanisms:
        act = _act(mechanism)
        if act is None:
            return None
        times[act] = times.get(act, 0) + mechanism.times
    return tuple(sorted(times.items()))


def _act(mechanism: Mechanism) -> Act | None:
    match mechanism:
        case DpSgd(sampling=Sampling.POISSON):
            noise, rate = float(mechanism.noise_multiplier), float(mechanism.sampling_rate)
            return Act(GaussianRelease.kind, noise, rate)
        case GaussianRelease():
            return Act(GaussianRelease.kind, float(mechanism.noise_multiplier), 1.0)
        case LaplaceRelease() | DiscreteGaussianRelease() | DiscreteLaplaceRelease():
            return Act(mechanism.kind, float(mechanism.scale), 1.0)
        case _:
            return None
