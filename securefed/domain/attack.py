"""What an empirical audit found: one line for each thing that was tried, beside what was claimed.

A line says what it can show and what it cannot; a report is never "private", it has alarms or none.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class Outcome(StrEnum):
    """How a line ends. A figure is for reading: it raises no alarm, however it comes out."""

    PASSED = "passed"
    ALARM = "alarm"
    FIGURE = "figure"


@dataclass(frozen=True, kw_only=True)
class AttackLine:
    """One thing that was tried.

    `chance` limits how likely a right engine would have looked so wrong in so many `tests`, where
    that is a matter of chance; `figures` are what the result is about, by name."""

    tried: str
    outcome: Outcome
    result: str
    shows: str
    cannot: str
    chance: Decimal | None = None
    tests: int = 0
    figures: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AttackReport:
    """All lines of an audit, and the chance of a false alarm among them that was allowed."""

    lines: tuple[AttackLine, ...]
    false_alarm: Decimal

    @property
    def alarms(self) -> tuple[AttackLine, ...]:
        """The lines that a right engine would not have."""
        return tuple(one for one in self.lines if one.outcome is Outcome.ALARM)
