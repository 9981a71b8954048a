"""A second accountant: Opacus' composition of privacy loss random variables (Gopi et al. 2021).

It shares no code with the odometer's library and exists to be compared with it. Promises Opacus'
own upper bound, with its errors in ε and δ added, rounded up; None for work that Opacus has no rule
for (anything but Poisson-sampled and plain Gaussian noise), that it cannot compute, or that would
take more than seconds or more precision than floats have. Opacus' accountant for Gaussian
differential privacy, which states less than was spent, is not reachable from here.
"""

import math
import warnings
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import TypeAlias

from opacus.accountants.prv import PRVAccountant

from securefed.domain.numbers import probability
from securefed.domain.privacy import DpSgd, GaussianRelease, Mechanism, Sampling
from securefed.domain.renyi import best_epsilon

_History: TypeAlias = tuple[tuple[float, float, int], ...]

_GRAIN = Decimal("1e-6")
_EPSILON_ERROR = 0.01
# A thousandth of δ, as Opacus has it where nothing is said.
_DELTA_SHARE = 1000
# Opacus computes about two million points a second.
_MOST_POINTS = 10_000_000
# Of δ, for each step: what repeated convolution by FFT may be wrong by, in double precision.
_CONVOLUTION_ERROR = 1e-14
_NO_FIGURE = (ArithmeticError, RuntimeError, ValueError, UserWarning)


class OpacusPrv:
    """Turns Gaussian mechanisms into an upper bound on ε, under add/remove of one unit."""

    name = f"opacus {version('opacus')} PRV"

    def epsilon(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> Decimal | None:
        """ε at δ, or None."""
        probability("delta", delta)
        if not mechanisms:
            return Decimal(0)
        history = _history(mechanisms)
        if history is None or not _computable(history, mechanisms, delta):
            return None
        found = _epsilon(history, math.nextafter(float(delta), 0.0))
        return None if found is None else Decimal(found).quantize(_GRAIN, ROUND_CEILING)


@lru_cache(maxsize=256)
def _epsilon(history: _History, delta: float) -> float | None:
    accountant = PRVAccountant()
    accountant.history = list(history)
    with warnings.catch_warnings():
        # It divides by zero on purpose, and says so; an integral that fails is another matter.
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", category=UserWarning, module=r"opacus\..*\.prvs$")
        try:
            found = accountant.get_epsilon(
                delta, eps_error=_EPSILON_ERROR, delta_error=delta / _DELTA_SHARE
            )
        except _NO_FIGURE:
            return None
    return float(found) if 0 <= found < math.inf else None


def _history(mechanisms: tuple[Mechanism, ...]) -> _History | None:
    """Noise, sampling rate and times, as Opacus keeps them; None where it has no rule."""
    times: dict[tuple[float, float], int] = {}
    for mechanism in mechanisms:
        match mechanism:
            case DpSgd(sampling=Sampling.POISSON):
                rate = float(mechanism.sampling_rate)
            case GaussianRelease():
                rate = 1.0
            case _:
                return None
        act = (float(mechanism.noise_multiplier), rate)
        times[act] = times.get(act, 0) + mechanism.times
    return tuple((noise, rate, count) for (noise, rate), count in sorted(times.items()))


def _computable(history: _History, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> bool:
    """Whether rounding stays below the error allowed in δ, and the grid that Opacus will choose (by
    Theorem 5.5 of the paper) is small enough."""
    error = delta / _DELTA_SHARE
    times = sum(count for _, _, count in history)
    if times * _CONVOLUTION_ERROR > error:
        return False
    largest = float(best_epsilon(mechanisms, error / 4)) + 3
    mesh = _EPSILON_ERROR / math.sqrt(times * math.log(12 / float(error)) / 2)
    return len(history) * 2 * largest / mesh <= _MOST_POINTS
