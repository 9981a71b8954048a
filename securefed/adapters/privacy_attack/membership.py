"""Membership inference against a model: do its losses tell who was in its training?

Takes any recipe, weights, members and others of the same kind. A low loss names a member; with
shadow models, trained on other records, it is the loss below what they have on the same record that
does (offline and without fitted laws, so a simple relative of LiRA). Intervals are exact for other
records of the same kind under this one model; they say nothing about a second training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from securefed.adapters.privacy_attack.engine import Engine, Floats, Weights
from securefed.domain.audit_bounds import share_bounds
from securefed.recipes.recipe import Recipe
from securefed.recipes.records import Records

FALSE_POSITIVES: Final = 0.01
_LEVEL: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class Membership:
    """How well an attack did. The threshold was chosen on half of the others, and `false_positive`
    is what it came to on the other half; intervals hold with 95 %."""

    auc: float
    auc_bounds: tuple[float, float]
    true_positive: float
    true_positive_bounds: tuple[float, float]
    false_positive: float
    false_positive_bounds: tuple[float, float]

    @property
    def sees(self) -> bool:
        """Whether it tells members from others at all."""
        return self.auc_bounds[0] > 0.5


def membership(
    engine: Engine,
    recipe: Recipe,
    weights: Weights,
    members: Records,
    others: Records,
    shadows: Sequence[Weights] = (),
) -> Membership:
    """Attacks a model; without shadows by its losses alone."""

    def scores(records: Records) -> Floats:
        usual = [engine.losses(recipe, shadow, records) for shadow in shadows]
        base = np.mean(usual, axis=0) if usual else np.zeros(len(records))
        return np.asarray(base - engine.losses(recipe, weights, records))

    return told_apart(scores(members), scores(others))


def told_apart(members: Floats, others: Floats) -> Membership:
    """How well high scores name members. Scores come in no order that matters."""
    wins, pairs = _wins_of_pairs(members, others)
    chosen, tested = others[::2], others[1::2]
    threshold = np.quantile(chosen, 1 - FALSE_POSITIVES, method="higher")
    named, wrongly = int((members > threshold).sum()), int((tested > threshold).sum())
    return Membership(
        auc=_auc(members, others),
        auc_bounds=share_bounds(wins, pairs, _LEVEL),
        true_positive=named / members.size,
        true_positive_bounds=share_bounds(named, members.size, _LEVEL),
        false_positive=wrongly / tested.size,
        false_positive_bounds=share_bounds(wrongly, tested.size, _LEVEL),
    )


def _auc(members: Floats, others: Floats) -> float:
    """The share of all pairs in which the member's score is higher; a tie is half of one."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, members, "left")
    upto = np.searchsorted(ordered, members, "right")
    return float((below + upto).sum() / 2 / (members.size * others.size))


def _wins_of_pairs(members: Floats, others: Floats) -> tuple[int, int]:
    """Pairs that share no record, so that they are independent; of ties every other one is won."""
    pairs = min(members.size, others.size)
    one, two = members[:pairs], others[:pairs]
    return int((one > two).sum() + (one == two).sum() // 2), pairs
