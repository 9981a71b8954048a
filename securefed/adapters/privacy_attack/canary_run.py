"""One run of the engine over canaries, each of them there by a fair coin, and what it released.

Scores are what a canary's weight received over the run, in clips: the number of steps in which it
was drawn, and noise. How many records there were is public in this accounting, so it is taken out.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from securefed.adapters.privacy_attack.engine import Engine, Floats, Released
from securefed.adapters.privacy_attack.witness import Witness
from securefed.domain.privacy import DpSgd
from securefed.recipes.canaries import (
    WEIGHT,
    Canaries,
    canary_records,
    canary_weights,
    idle_weights,
)


@dataclass(frozen=True, kw_only=True)
class CanaryRun:
    """What was seen of it. `noise` is the deviation that a score should have without any record."""

    mechanism: DpSgd
    inside: Floats
    outside: Floats
    idle: Floats
    witness: Witness
    released: Released

    @property
    def noise(self) -> float:
        """In clips."""
        return float(self.mechanism.noise_multiplier) * math.sqrt(self.mechanism.steps)

    def silent(self) -> Floats:
        """What no record touched, as normals of variance one: idle weights, canaries not there."""
        return np.concatenate([self.idle, self.outside]) / self.noise


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """How many there are of each."""

    canaries: int
    idle: int
    ordinary: int

    def recipe(self) -> Canaries:
        """What trains on them."""
        return Canaries(self.canaries, self.idle)

    def witness(self, coins: np.random.Generator, granted: int) -> tuple[Witness, Floats]:
        """The records that the coins chose, and which canaries are there."""
        there = coins.random(self.canaries) < 0.5
        slots = np.flatnonzero(there).tolist()
        records = canary_records(slots, self.ordinary, int(coins.integers(2**32)), Path())
        return Witness(records, self.recipe().columns(), granted), there.astype(float)


def canary_run(
    engine: Engine, crowd: Crowd, mechanism: DpSgd, coins: np.random.Generator
) -> CanaryRun:
    """Tosses the coins, trains, and reads the scores off the weights."""
    witness, there = crowd.witness(coins, mechanism.steps)
    released = engine.train(crowd.recipe(), witness, mechanism, witness, witness.finished.append)
    expected = float(mechanism.sampling_rate) * witness.units
    received = -released.weights[WEIGHT].ravel() * expected / float(mechanism.clip)
    scores = received[canary_weights(crowd.canaries)]
    return CanaryRun(
        mechanism=mechanism,
        inside=scores[there == 1],
        outside=scores[there == 0],
        idle=received[idle_weights(crowd.canaries)],
        witness=witness,
        released=released,
    )
