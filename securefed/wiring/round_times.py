"""What each round took by its parts, from the log of a run.

Sites work side by side, so a part lasted as long as at the slowest of them; the bytes are those of
all. What several processes did of one round adds up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from securefed.adapters.run_folder import LogLine
from securefed.domain.canonical import Plain, decimal_text
from securefed.domain.identifiers import SiteId
from securefed.domain.round_parts import DONE, Part


@dataclass(frozen=True, kw_only=True)
class PartTime:
    """What one part of a round took."""

    seconds: Decimal
    bytes: int


@dataclass(frozen=True, kw_only=True)
class RoundTime:
    """One round; `whole` once it counts."""

    round: int
    whole: Decimal | None
    parts: Mapping[Part, PartTime]

    def document(self) -> dict[str, Plain]:
        """For programs."""
        parts: list[Plain] = [
            {"part": str(part), "seconds": decimal_text(one.seconds), "bytes": one.bytes}
            for part, one in self.parts.items()
        ]
        whole = None if self.whole is None else decimal_text(self.whole)
        return {"round": self.round, "seconds": whole, "parts": parts}


def round_times(lines: Iterable[LogLine]) -> list[RoundTime]:
    """Every round of which something was logged, in order."""
    found: dict[int, list[LogLine]] = {}
    for line in lines:
        if line.round:
            found.setdefault(line.round, []).append(line)
    return [_one(number, found[number]) for number in sorted(found)]


def _one(number: int, lines: list[LogLine]) -> RoundTime:
    wholes = [one.seconds for one in lines if one.part == DONE]
    timed = {part: [one for one in lines if one.part == part.value] for part in Part}
    return RoundTime(
        round=number,
        whole=wholes[-1] if wholes else None,
        parts={part: _part(some) for part, some in timed.items() if some},
    )


def _part(lines: list[LogLine]) -> PartTime:
    by_site: dict[SiteId | None, Decimal] = {}
    for one in lines:
        by_site[one.site] = by_site.get(one.site, Decimal(0)) + one.seconds
    # What the coordinator does alone comes after what it did for each site.
    alone = by_site.pop(None, Decimal(0))
    slowest = max(by_site.values(), default=Decimal(0))
    return PartTime(seconds=alone + slowest, bytes=sum(one.bytes for one in lines))
