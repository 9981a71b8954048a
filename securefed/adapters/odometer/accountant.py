"""An Accountant on dp-accounting.

`epsilon` comes from privacy loss distributions, `upper_bound` from Rényi divergences; both hold, so
where the discretised distribution is the larger of the two, `epsilon` is the bound too, and the
name of the accountant says which it was. `replace_one` comes from distributions too, else from the
core's divergences. Promises figures for reports, rounded up to 1e-6: they may not admit work that
was chosen after seeing results; `domain.renyi` does that at one fixed order.
"""

import math
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import NamedTuple

from securefed.adapters.odometer.acts import Acts, acts_of
from securefed.adapters.odometer.divergences import divergences, renyi_delta, renyi_figure
from securefed.adapters.odometer.figures import distribution_deltas, distribution_figure
from securefed.domain.identifiers import Line
from securefed.domain.numbers import count, not_negative, probability, rounded_up
from securefed.domain.privacy import Adjacency, Mechanism, PrivacyLoss, gathered
from securefed.domain.renyi import INFINITE, best_delta, best_epsilon, delta_rounded_up

_LIBRARY = f"dp-accounting {version('dp-accounting')}"
_GRAIN = Decimal("1e-6")
_LARGEST = Decimal("1e9")
# The library's fractional orders take thirty times as long as the core's whole ones.
_ACTS_BY_LIBRARY = 64
# Where δ is asked, ε says how large a distribution would be; it is taken at this δ.
_USUAL_DELTA = Decimal("1e-5")


class _Figures(NamedTuple):
    tight: Decimal
    bound: Decimal
    replaced: Decimal


class Odometer:
    """Turns mechanisms into what they cost together."""

    def loss(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> PrivacyLoss:
        """The loss at δ; infinite where a mechanism has no rule."""
        probability("delta", delta)
        acts = acts_of(mechanisms)
        if acts is None:
            figures = _Figures(INFINITE, INFINITE, INFINITE)
        else:
            figures = _figures(acts, gathered(mechanisms), delta)
        tight, bound, replaced = figures
        return PrivacyLoss(
            epsilon=min(tight, bound),
            upper_bound=bound,
            replace_one=replaced,
            delta=delta,
            adjacency=Adjacency.ADD_REMOVE,
            accountant=Line(f"{_LIBRARY} {'PLD' if tight <= bound else 'RDP'}"),
        )

    def profile(
        self, mechanisms: tuple[Mechanism, ...], epsilons: tuple[Decimal, ...]
    ) -> tuple[Decimal, ...]:
        """The δ at each ε; 1 where a mechanism has no rule."""
        asked = tuple(not_negative("epsilon", epsilon) for epsilon in epsilons)
        acts = acts_of(mechanisms)
        if acts is None:
            return tuple(Decimal(1) for _ in asked)
        if not acts:
            return tuple(Decimal(0) for _ in asked)
        return _deltas(acts, gathered(mechanisms), asked)

    def divergence(self, mechanisms: tuple[Mechanism, ...], order: int) -> Decimal:
        """The divergence at an order; infinite where a mechanism has no rule."""
        count("order", order, least=2)
        acts = acts_of(mechanisms)
        if acts is None:
            return INFINITE
        [total] = divergences(acts, (float(order),))
        return rounded_up(total) if total < _LARGEST else INFINITE


@lru_cache(maxsize=512)
def _figures(acts: Acts, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> _Figures:
    if not acts:
        return _Figures(Decimal(0), Decimal(0), Decimal(0))
    # The float below δ, so that rounding δ never lowers ε.
    at = math.nextafter(float(delta), 0.0)
    bound = _bound(acts, mechanisms, delta)
    tight = Decimal(distribution_figure(acts, at, float(bound)))
    replaced = Decimal(distribution_figure(acts, at, float(bound), Adjacency.REPLACE_ONE))
    if replaced.is_infinite():
        replaced = best_epsilon(mechanisms, delta, Adjacency.REPLACE_ONE)
    return _Figures(_rounded(tight), _rounded(bound), _rounded(max(replaced, min(tight, bound))))


def _bound(acts: Acts, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> Decimal:
    """The better of two: the core's orders are others than the library's."""
    core = best_epsilon(mechanisms, delta)
    if len(acts) > _ACTS_BY_LIBRARY:
        return core
    return min(core, Decimal(renyi_figure(acts, math.nextafter(float(delta), 0.0))))


@lru_cache(maxsize=512)
def _deltas(
    acts: Acts, mechanisms: tuple[Mechanism, ...], epsilons: tuple[Decimal, ...]
) -> tuple[Decimal, ...]:
    # The floats below ε, so that rounding ε never lowers δ.
    at = tuple(max(0.0, math.nextafter(float(epsilon), 0.0)) for epsilon in epsilons)
    bound = _bound(acts, mechanisms, _USUAL_DELTA)
    tight = distribution_deltas(acts, at, float(bound))
    if len(acts) <= _ACTS_BY_LIBRARY:
        tight = tuple(
            min(delta, renyi_delta(acts, epsilon)) for delta, epsilon in zip(tight, at, strict=True)
        )
    return tuple(
        min(delta_rounded_up(delta), best_delta(mechanisms, epsilon))
        for delta, epsilon in zip(tight, epsilons, strict=True)
    )


def _rounded(epsilon: Decimal) -> Decimal:
    """Up to the next millionth; infinite where the figure means nothing any more."""
    if epsilon < _LARGEST:
        return epsilon.quantize(_GRAIN, rounding=ROUND_CEILING)
    return INFINITE
