"""The numbers of a mechanism as the engine uses them: floats, each rounded to the safe side.

The clip is a millionth below what was approved, since sums in float32 round; the noise is never
below σ·C of what was approved. What was executed is told from here, not from what was asked.
"""

import math
from dataclasses import dataclass
from typing import Final

from torch import nn

from securefed.adapters.opacus_training.noise import StepNoise
from securefed.adapters.opacus_training.randomness.parallel import ParallelNormals
from securefed.adapters.opacus_training.randomness.poisson import PoissonSampler
from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose
from securefed.adapters.opacus_training.weights import trained_parameters
from securefed.domain.privacy import DpSgd, Sampling
from securefed.errors import ConfigInvalid, ModelUnusable

_INSIDE: Final = 1 - 1e-6
# Noise made of four draws costs four times as much; up to so many numbers that is about a second.
_FEW: Final = 20_000_000


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What every step uses."""

    mechanism: DpSgd
    clip: float
    deviation: float
    expected_units: float
    sum_of_four: bool

    @classmethod
    def of(cls, mechanism: DpSgd, units: int, model: nn.Module) -> "Numbers":
        """For so many units and this model."""
        if mechanism.sampling is not Sampling.POISSON:
            raise ConfigInvalid(
                f"The engine draws by Poisson sampling only, not by {mechanism.sampling}",
                where="privacy.sampling",
            )
        trained = sum(one.numel() for one in trained_parameters(model).values())
        if trained == 0:
            raise ModelUnusable("The model has no trained parameter")
        noise = float(mechanism.noise_multiplier * mechanism.clip)
        return cls(
            mechanism=mechanism,
            clip=float(mechanism.clip) * _INSIDE,
            deviation=math.nextafter(noise, math.inf),
            expected_units=float(mechanism.sampling_rate) * units,
            sum_of_four=trained * mechanism.steps <= _FEW,
        )

    def step_noise(self) -> StepNoise:
        """Noise from keystreams of its own."""
        return StepNoise(ParallelNormals.opened(sum_of_four=self.sum_of_four), self.deviation)

    def sampler(self, units: int) -> PoissonSampler | None:
        """Draws from so many units; none where a process has no unit at all."""
        if units == 0:
            return None
        rate = self.mechanism.sampling_rate
        return PoissonSampler(KeyStream(Purpose.SAMPLING), units=units, rate=rate)

    def executed(self, steps: int) -> DpSgd:
        """What was run, from the numbers that were used."""
        return DpSgd(
            noise_multiplier=self.mechanism.noise_multiplier,
            sampling_rate=self.mechanism.sampling_rate,
            sampling=Sampling.POISSON,
            steps=steps,
            clip=self.mechanism.clip,
        )
