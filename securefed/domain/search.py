"""A search over settings: which trials there are, which of them a lot draws, and how they rank.

Promises that the same choices and the same seed give the same trials everywhere, and that a trial
without a figure never wins. The best of several noisy figures is larger than what it measures, so
what it promises has to be measured anew; ranking says nothing about that.
"""

import hashlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import product
from math import prod
from typing import Final, TypeVar

from securefed.domain.combining import EarlyStop
from securefed.domain.early_stopping import Aim
from securefed.domain.numbers import count
from securefed.errors import ConfigInvalid

T = TypeVar("T")

MOST_TRIALS: Final = 1000
# Recipes' figures of which less is better; a task's name may stand before them.
_LOWER: Final = frozenset({"loss", "mae", "perplexity", "rmse"})


def combinations(choices: Sequence[Sequence[T]]) -> tuple[tuple[T, ...], ...]:
    """Every way to take one of each, the last changing fastest."""
    count("trials of the whole grid", prod(map(len, choices)), most=MOST_TRIALS)
    return tuple(product(*choices))


def drawn(trials: Sequence[T], wanted: int | None, seed: int) -> tuple[T, ...]:
    """So many of them by lot, in their order; all of them if there are no more."""
    if wanted is None or count("trials", wanted) >= len(trials):
        return tuple(trials)
    count("seed", seed, least=0)
    lots = sorted(range(len(trials)), key=lambda place: _lot(seed, place))
    return tuple(trials[place] for place in sorted(lots[:wanted]))


def ranked(trials: Sequence[T], figure: Callable[[T], Decimal | None], aim: Aim) -> tuple[T, ...]:
    """The trials, best first; those without a figure last, all else as it was."""
    sign = -1 if aim is Aim.HIGHER else 1

    def place(trial: T) -> tuple[bool, Decimal]:
        value = figure(trial)
        return value is None, sign * (value or Decimal(0))

    return tuple(sorted(trials, key=place))


def deciding(stop: EarlyStop | None, metric: str | None, aim: Aim | None) -> tuple[str, Aim]:
    """The figure that trials rank by, and which way it is better: as said, or as the study stops,
    or by the name that recipes give it."""
    if metric is None:
        if stop is None:
            hint = "Name one with --metric; `securefed study try` prints a recipe's figures."
            raise ConfigInvalid("Nothing says which figure decides", hint=hint)
        return stop.metric, aim or stop.rule.aim
    lower = metric.rpartition(".")[2] in _LOWER
    return metric, aim or (Aim.LOWER if lower else Aim.HIGHER)


def _lot(seed: int, place: int) -> bytes:
    return hashlib.sha256(f"securefed/v1/trial-lot\n{seed}\n{place}".encode("ascii")).digest()
