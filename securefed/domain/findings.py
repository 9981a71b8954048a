"""What a rule says about a request, and what all rules together amount to.

A finding names its rule and gives the reason in numbers. The verdict is the worst level among the
findings; a note is no objection, an ask wants a person's decision, a refusal can't be approved.
"""

from dataclasses import dataclass
from enum import StrEnum

from securefed.domain.identifiers import Name, Sentence


class Level(StrEnum):
    """How much a finding weighs."""

    NOTE = "note"
    ASK = "ask"
    REFUSE = "refuse"


class Objection(StrEnum):
    """What a policy makes of a request that does not meet a rule."""

    ASK = "ask"
    REFUSE = "refuse"


class Verdict(StrEnum):
    """What a policy says about a request as a whole."""

    ALLOW = "allow"
    ASK = "ask"
    REFUSE = "refuse"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule's word on one request."""

    rule: Name
    level: Level
    reason: Sentence
    reviewers: int = 1


def verdict_of(findings: tuple[Finding, ...]) -> Verdict:
    """The worst of the findings."""
    levels = {finding.level for finding in findings}
    if Level.REFUSE in levels:
        return Verdict.REFUSE
    return Verdict.ASK if Level.ASK in levels else Verdict.ALLOW


def reviewers_needed(findings: tuple[Finding, ...]) -> int:
    """How many people must approve: the most that any finding wants, and at least one."""
    return max([1, *(finding.reviewers for finding in findings)])
