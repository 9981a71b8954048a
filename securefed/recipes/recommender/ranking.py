"""How often an item that a user chose is ranked near the top: HR@10 of one among a hundred.

A tie counts against the model, so that one which says the same of all items scores nothing. The
ninety-nine others are drawn by a public lot, the same one everywhere, so that what a record adds
depends on nothing but that record and the model.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from numpy.random import default_rng
from torch import Tensor

from securefed.recipes.tallies import RangeTally

TOP, OTHERS = 10, 99


def public_shifts(items: int) -> Tensor:
    """By how many places in the catalogue the others stand apart from a record's own item."""
    apart = default_rng(0).choice(items - 1, min(OTHERS, items - 1), replace=False) + 1
    return torch.from_numpy(apart)


@dataclass(frozen=True, kw_only=True)
class RatingTally:
    """Errors of predicted ratings and, where there are items enough, hits among the top ten.

    One count serves both, so that the errors lose little to the hits' noise."""

    low: float
    high: float
    items: int

    @property
    def numbers(self) -> int:
        """A count, an absolute error, a squared one, and a hit."""
        return 4

    @property
    def ranks(self) -> bool:
        """Whether there are items enough for a top."""
        return self.items > TOP

    def rows(self, answers: Tensor, targets: Tensor, hit: Tensor) -> Tensor:
        """The vector of each record; a record without a rating adds nothing."""
        errors = self._errors.rows(answers, targets)
        counted = hit.to(errors.dtype) * ~targets.isnan() / math.sqrt(3)
        return torch.cat([errors, counted[:, None]], 1) * _SHARE

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """RMSE and MAE, and HR@10."""
        parts = tally.detach().double().cpu() / _SHARE
        found = dict(self._errors.metrics(parts[:3]))
        if self.ranks:
            count, hits = parts[0].item(), parts[3].item()
            found["hr_at_10"] = min(1.0, max(0.0, hits / count)) if count > 0 else math.nan
        return found

    @property
    def _errors(self) -> RangeTally:
        return RangeTally(low=self.low, high=self.high)


# Three numbers of norm one at most, and a fourth one beside them.
_SHARE = math.sqrt(3 / 4)


def hits(scores: Tensor, at: int = TOP) -> Tensor:
    """Which rows [rows, candidates] have their first candidate among the best."""
    # Not "<": a score that is NaN is beaten by none, and beats none.
    beaten = scores[:, :1] > scores[:, 1:]
    return (~beaten).sum(1) < at


def hit_rate(scores: Tensor, at: int = TOP) -> float:
    """The share of rows [rows, candidates] whose first candidate is among the best."""
    if scores.dim() != 2 or not len(scores) or scores.shape[1] <= at:
        raise ValueError("expected rows of more candidates than are counted as the top")
    return float(hits(scores, at).float().mean())
