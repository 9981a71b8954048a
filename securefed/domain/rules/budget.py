"""Rules about how much privacy is spent: per request, per dataset, per requester, and which δ."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from securefed.domain.facts import ReviewFacts
from securefed.domain.findings import Finding
from securefed.domain.numbers import positive
from securefed.domain.rules.speak import ask, note, refuse, shown
from securefed.errors import ConfigInvalid


@dataclass(frozen=True, kw_only=True)
class EpsilonPerRequest:
    """A request's ε, at the dataset's δ, stays under a limit; above a lower one, people decide."""

    kind: ClassVar[str] = "epsilon-per-request"
    refuse_above: Decimal
    ask_above: Decimal

    def __post_init__(self) -> None:
        positive("refuse_above", self.refuse_above)
        positive("ask_above", self.ask_above)
        if self.ask_above > self.refuse_above:
            raise ConfigInvalid("ask_above is larger than refuse_above, so it would never ask")

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        epsilon = facts.loss.epsilon
        if epsilon > self.refuse_above:
            return refuse(self, f"ε = {shown(epsilon)} is above {shown(self.refuse_above)}")
        if epsilon > self.ask_above:
            return ask(self, f"ε = {shown(epsilon)} is above {shown(self.ask_above)}")
        return []


@dataclass(frozen=True, kw_only=True)
class EpsilonPerDataset:
    """All that a dataset ever releases, this request included, stays under a limit."""

    kind: ClassVar[str] = "epsilon-per-dataset"
    refuse_above: Decimal

    def __post_init__(self) -> None:
        positive("refuse_above", self.refuse_above)

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        epsilon, limit = facts.dataset_loss.epsilon, self.refuse_above
        if epsilon > limit:
            return refuse(self, f"The dataset's ε would be {shown(epsilon)}, above {shown(limit)}")
        if epsilon > limit * Decimal("0.8"):
            return note(
                self, f"The dataset's ε would be {shown(epsilon)} of at most {shown(limit)}"
            )
        return []


@dataclass(frozen=True, kw_only=True)
class EpsilonPerRequester:
    """All that one account ever learns of a dataset stays under a limit."""

    kind: ClassVar[str] = "epsilon-per-requester"
    refuse_above: Decimal

    def __post_init__(self) -> None:
        positive("refuse_above", self.refuse_above)

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        epsilon, limit = facts.requester_loss.epsilon, self.refuse_above
        if epsilon > limit:
            who = facts.request.requester
            return refuse(self, f"{who}'s ε would be {shown(epsilon)}, above {shown(limit)}")
        return []


@dataclass(frozen=True, kw_only=True)
class DeltaBelowUnits:
    """δ is at most the given share of 1/n, since δ = 1/n allows publishing one unit whole."""

    kind: ClassVar[str] = "delta-below-units"
    share: Decimal

    def __post_init__(self) -> None:
        if positive("share", self.share) >= 1:
            raise ConfigInvalid("share must be below 1: δ never reaches 1/n")

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        delta, units = facts.loss.delta, facts.card.units
        if delta * units <= self.share:
            return []
        most = self.share / units
        return refuse(
            self, f"δ = {delta:.1e} with {units} units; at most {most:.1e} ({self.share}/n)"
        )
