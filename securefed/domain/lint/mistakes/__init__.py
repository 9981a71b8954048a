"""The mistakes that the linter knows: one small class each, by the name it has in a report."""

from securefed.domain.lint.mistakes.accountant import GdpAccountant
from securefed.domain.lint.mistakes.delta import DeltaFromBatches, DeltaNotBelowOneOverN
from securefed.domain.lint.mistakes.mistake import AnyMistake
from securefed.domain.lint.mistakes.noise import NoiseDividedBySites, SeededNoise
from securefed.domain.lint.mistakes.rounds import (
    EngineRecreated,
    EpsilonNotAccumulated,
    RoundsAsEpochs,
)
from securefed.domain.lint.mistakes.sampling import NotPoisson
from securefed.domain.lint.mistakes.stated import EpsilonTooLow

MISTAKES: tuple[AnyMistake, ...] = (
    EngineRecreated(),
    EpsilonNotAccumulated(),
    RoundsAsEpochs(),
    DeltaNotBelowOneOverN(),
    DeltaFromBatches(),
    NotPoisson(),
    SeededNoise(),
    NoiseDividedBySites(),
    GdpAccountant(),
    EpsilonTooLow(),
)

__all__ = ["MISTAKES", "AnyMistake"]
