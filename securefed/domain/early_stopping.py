"""Whether a study goes on after a round, judged by the noisy metric that was released anyway.

Only released figures come in, so the judgement costs nothing; the rounds that are not run are never
charged. Promises exact arithmetic: the same figures lead to the same decision wherever they are
judged. Does not promise that the best round is the best model: the largest of several noisy figures
is larger than what it measures, so a final figure needs a release of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from securefed.domain.numbers import count, not_negative
from securefed.errors import NumberInvalid


class Aim(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, kw_only=True)
class StoppingRule:
    """Stop after `patience` rounds in a row whose smoothed figure is no better than the best yet.

    A smoothed figure is the mean of the last `window`. It is better when it exceeds the best yet by
    more than `margin`: without one, noise alone looks like progress now and then. The noise of such
    a mean is that of one figure over √window."""

    aim: Aim
    patience: int
    window: int
    margin: Decimal

    def __post_init__(self) -> None:
        count("patience", self.patience, most=100_000)
        count("window", self.window, most=100_000)
        not_negative("margin", self.margin)

    def judge(self, figures: Sequence[Decimal]) -> "Judgement":
        """The judgement after these figures, in the order of their rounds."""
        smoothed = self._smoothed(figures)
        if not smoothed:
            return Judgement(
                stop=False, reason=f"{len(figures)} of {self.window} figures for a mean"
            )
        best, since = smoothed[0], 0
        for one in smoothed[1:]:
            since += 1
            if one - best > Fraction(self.margin):
                best, since = one, 0
        stop = since >= self.patience
        told = f"no better for {since} of {self.patience} rounds" if since else "better than before"
        return Judgement(stop=stop, reason=told)

    def _smoothed(self, figures: Sequence[Decimal]) -> list[Fraction]:
        sign = 1 if self.aim is Aim.HIGHER else -1
        exact = [sign * _fraction(one) for one in figures]
        last = range(self.window, len(exact) + 1)
        return [sum(exact[at - self.window : at], Fraction(0)) / self.window for at in last]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What to do, and why."""

    stop: bool
    reason: str


def _fraction(figure: Decimal) -> Fraction:
    if not figure.is_finite():
        raise NumberInvalid(f"A figure is {figure}; leave out rounds that have none")
    return Fraction(figure)
