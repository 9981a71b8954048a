"""How much a site counts in a round's average, as a whole number that a roster can carry.

Either every site counts alike, or each by its number of privacy units up to a cap. The number of
units is public (it stands on the data card); a number that is not must not be used here, since a
roster shows it to everybody. The cap bounds what one large site decides, and what sealing rounds
away: that grows with the heaviest weight over the mean one.
"""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from securefed.domain.numbers import count


@dataclass(frozen=True, kw_only=True)
class EqualWeights:
    """Every site counts alike."""

    kind: ClassVar[str] = "equal"

    def weight(self, units: int) -> int:
        """One, whatever a site has."""
        count("units", units)
        return 1


@dataclass(frozen=True, kw_only=True)
class CappedUnits:
    """A site counts by its privacy units, and no site by more than the cap."""

    kind: ClassVar[str] = "units"
    cap: int

    def __post_init__(self) -> None:
        count("cap", self.cap)

    def weight(self, units: int) -> int:
        """The units, up to the cap."""
        return min(count("units", units), self.cap)


Weighting: TypeAlias = EqualWeights | CappedUnits
