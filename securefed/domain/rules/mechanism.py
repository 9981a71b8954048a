"""Rules about the mechanism itself: how much noise, and how records are drawn."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from securefed.domain.facts import ReviewFacts
from securefed.domain.findings import Finding
from securefed.domain.numbers import positive
from securefed.domain.privacy import Sampling
from securefed.domain.rules.speak import refuse


@dataclass(frozen=True, kw_only=True)
class MinimumNoise:
    """Every mechanism has at least this noise multiplier, whatever ε the accounting gives."""

    kind: ClassVar[str] = "minimum-noise"
    noise_multiplier: Decimal

    def __post_init__(self) -> None:
        positive("noise_multiplier", self.noise_multiplier)

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        return [
            finding
            for one in facts.request.part.attempt
            if one.noise_multiplier < self.noise_multiplier
            for finding in refuse(
                self, f"{one.kind} has noise {one.noise_multiplier}, below {self.noise_multiplier}"
            )
        ]


@dataclass(frozen=True, kw_only=True)
class PoissonSampling:
    """Every step draws each record by itself. Shuffled batches accounted as if they were drawn so
    leak up to ten times what is stated (arXiv 2411.10614)."""

    kind: ClassVar[str] = "poisson-sampling"

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        sampling = facts.request.part.training.sampling
        if sampling is Sampling.POISSON:
            return []
        return refuse(self, f"Sampling is {sampling}; only poisson has an accounting")
