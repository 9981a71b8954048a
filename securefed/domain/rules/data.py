"""Rules about the data: enough units, the right privacy unit, a purpose that the owner named."""

from dataclasses import dataclass
from typing import ClassVar

from securefed.domain.facts import ReviewFacts
from securefed.domain.findings import Finding
from securefed.domain.numbers import count
from securefed.domain.rules.speak import note, refuse


@dataclass(frozen=True, kw_only=True)
class MinimumRecords:
    """The dataset has at least this many privacy units."""

    kind: ClassVar[str] = "minimum-records"
    units: int

    def __post_init__(self) -> None:
        count("units", self.units)

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        if facts.card.units >= self.units:
            return []
        return refuse(self, f"The dataset has {facts.card.units} units, fewer than {self.units}")


@dataclass(frozen=True, kw_only=True)
class UnitProtected:
    """The privacy unit is a column, so that one person's records are protected together."""

    kind: ClassVar[str] = "unit-protected"
    column_required: bool

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        if facts.card.unit.column is not None:
            return []
        reason = "One record is protected, not all records of one person"
        return refuse(self, reason) if self.column_required else note(self, reason)


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """The study's purpose is among those that the data card names."""

    kind: ClassVar[str] = "purpose"

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        purpose, named = facts.request.study.purpose, facts.card.purposes
        if purpose in named:
            return []
        return refuse(self, f"The purpose {purpose} is not among {', '.join(named)}")
