"""An Accountant on dp-accounting.

`epsilon` comes from privacy loss distributions, `upper_bound` from Rényi divergences; both hold, so
where the discretised distribution is the larger of the two, `epsilon` is the bound too, and the
name of the accountant says which it was. Promises figures for reports, rounded up to 1e-6: they may
not admit work that was chosen after seeing results; `domain.renyi` does that at one fixed order.
"""

import math
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from importlib.metadata import version

from securefed.adapters.odometer.acts import Acts, acts_of
from securefed.adapters.odometer.figures import distribution_figure, renyi_figure
from securefed.domain.numbers import probability
from securefed.domain.privacy import Adjacency, Mechanism, PrivacyLoss, gathered
from securefed.domain.renyi import INFINITE, best_epsilon

_LIBRARY = f"dp-accounting {version('dp-accounting')}"
_GRAIN = Decimal("1e-6")
_LARGEST = Decimal("1e9")


class Odometer:
    """Turns mechanisms into what they cost together, under add/remove of one unit."""

    def loss(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> PrivacyLoss:
        """The loss at δ; infinite where a mechanism has no rule."""
        probability("delta", delta)
        acts = acts_of(mechanisms)
        if acts is None:
            tight, bound = INFINITE, INFINITE
        else:
            tight, bound = _figures(acts, gathered(mechanisms), delta)
        return PrivacyLoss(
            epsilon=min(tight, bound),
            upper_bound=bound,
            delta=delta,
            adjacency=Adjacency.ADD_REMOVE,
            accountant=f"{_LIBRARY} {'PLD' if tight <= bound else 'RDP'}",
        )


@lru_cache(maxsize=512)
def _figures(
    acts: Acts, mechanisms: tuple[Mechanism, ...], delta: Decimal
) -> tuple[Decimal, Decimal]:
    if not acts:
        return Decimal(0), Decimal(0)
    # The float below δ, so that rounding δ never lowers ε.
    at = math.nextafter(float(delta), 0.0)
    # The core's orders are others than the library's, so that either may have the better one.
    bound = min(Decimal(renyi_figure(acts, at)), best_epsilon(mechanisms, delta))
    tight = Decimal(distribution_figure(acts, at, float(bound)))
    return _rounded(tight), _rounded(bound)


def _rounded(epsilon: Decimal) -> Decimal:
    """Up to the next millionth; infinite where the figure means nothing any more."""
    if epsilon < _LARGEST:
        return epsilon.quantize(_GRAIN, rounding=ROUND_CEILING)
    return INFINITE
