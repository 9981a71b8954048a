"""The attack on membership where it has most power, on a private model and on one without noise.

The second is there to be found: where the attack fails on it, the first line is worth nothing.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np

from securefed.adapters.privacy_attack.engine import Engine, Weights
from securefed.adapters.privacy_attack.judging import figure
from securefed.adapters.privacy_attack.membership import Membership, membership
from securefed.adapters.privacy_attack.witness import Witness
from securefed.domain.attack import AttackLine, Outcome
from securefed.domain.privacy import DpSgd
from securefed.recipes.memorising import Memorising
from securefed.recipes.records import Records

_WIDTH: Final = 1000
_MEMBERS: Final = 200
_OTHERS: Final = 2000
_LEARNING_RATE: Final = 10.0
# Hides nothing, and the self-test can still hear it.
_NO_NOISE: Final = Decimal("0.001")


@dataclass(frozen=True, kw_only=True)
class MembershipTrial:
    """How the models are trained, and with how many shadows they are attacked."""

    engine: Engine
    mechanism: DpSgd
    epsilon: Decimal
    shadows: int
    seed: int

    def lines(self) -> list[AttackLine]:
        """One for each model."""
        noiseless = replace(self.mechanism, noise_multiplier=_NO_NOISE)
        cannot = (
            "show that no attack succeeds: these are simple, on one model, and an average hides "
            "the few records that are most exposed"
        )
        return [
            _line(
                f"membership, from a model of ε {self.epsilon:.3f}",
                self._attacked(self.mechanism),
                "a model that gives its members away to whoever has nothing but the model",
                cannot,
            ),
            _line(
                "membership, the same without noise",
                self._attacked(noiseless),
                "whether these attacks have any power; they should find members here",
                "say anything about the engine: nothing protects this model",
            ),
        ]

    def _attacked(self, mechanism: DpSgd) -> "_Both":
        members, others = self._records(_MEMBERS, 0), self._records(_OTHERS, 1)
        target = self._trained(mechanism, members)
        shadows = [
            self._trained(mechanism, self._records(_MEMBERS, 2 + number))
            for number in range(self.shadows)
        ]
        given = (self.engine, _recipe(), target, members, others)
        return _Both(by_loss=membership(*given), by_shadows=membership(*given, shadows))

    def _trained(self, mechanism: DpSgd, records: Records) -> Weights:
        witness = Witness(records, _recipe().columns(), mechanism.steps)
        released = self.engine.train(
            _recipe(), witness, mechanism, witness, witness.finished.append
        )
        return released.weights

    def _records(self, count: int, part: int) -> Records:
        seed = int(np.random.default_rng((self.seed, part)).integers(2**32))
        return _recipe().mock(count, seed, Path())


@dataclass(frozen=True, kw_only=True)
class _Both:
    by_loss: Membership
    by_shadows: Membership


def _recipe() -> Memorising:
    return Memorising(_WIDTH, _LEARNING_RATE)


def _line(tried: str, both: _Both, shows: str, cannot: str) -> AttackLine:
    seen = both.by_loss.sees or both.by_shadows.sees
    return AttackLine(
        tried=tried,
        outcome=Outcome.FIGURE,
        result=f"members are {'' if seen else 'not '}told from others: by loss "
        f"{told(both.by_loss)}; by shadow models {told(both.by_shadows)}",
        shows=shows,
        cannot=cannot,
        figures=figures_of("loss", both.by_loss) | figures_of("shadow", both.by_shadows),
    )


def told(one: Membership) -> str:
    """How well an attack did, in words."""
    low, high = one.auc_bounds
    least, most = one.true_positive_bounds
    return (
        f"AUC {one.auc:.3f} ({low:.3f} to {high:.3f}), {one.true_positive:.1%} found "
        f"({least:.1%} to {most:.1%}) at {one.false_positive:.1%} false"
    )


def figures_of(prefix: str, one: Membership) -> dict[str, Decimal]:
    """The same by name."""
    values = {
        "auc": one.auc,
        "auc_low": one.auc_bounds[0],
        "auc_high": one.auc_bounds[1],
        "true_positive": one.true_positive,
        "true_positive_low": one.true_positive_bounds[0],
        "true_positive_high": one.true_positive_bounds[1],
        "false_positive": one.false_positive,
        "false_positive_low": one.false_positive_bounds[0],
        "false_positive_high": one.false_positive_bounds[1],
    }
    return {f"{prefix}_{name}": figure(value) for name, value in values.items()}
