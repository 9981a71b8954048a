"""How a rule words a finding: its own name, a level and a reason."""

from decimal import Decimal
from typing import ClassVar, Protocol

from securefed.domain.facts import ReviewFacts
from securefed.domain.findings import Finding, Level, Objection
from securefed.domain.identifiers import Name, Sentence


class Rule(Protocol):
    """One thing that a policy demands. It returns all its findings, and none when content."""

    kind: ClassVar[str]

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        ...


def note(rule: Rule, reason: str) -> list[Finding]:
    """Worth knowing, no objection."""
    return [Finding(rule=Name(rule.kind), level=Level.NOTE, reason=Sentence(reason))]


def ask(rule: Rule, reason: str, *, reviewers: int = 1) -> list[Finding]:
    """A person decides, or several do."""
    return [
        Finding(rule=Name(rule.kind), level=Level.ASK, reason=Sentence(reason), reviewers=reviewers)
    ]


def object_to(rule: Rule, otherwise: Objection, reason: str) -> list[Finding]:
    """The objection that the policy chose."""
    return ask(rule, reason) if otherwise is Objection.ASK else refuse(rule, reason)


def refuse(rule: Rule, reason: str) -> list[Finding]:
    """Not under this policy."""
    return [Finding(rule=Name(rule.kind), level=Level.REFUSE, reason=Sentence(reason))]


def shown(epsilon: Decimal) -> str:
    """An ε rounded up to two places, so that a reader never sees less than what is spent."""
    if epsilon.is_infinite():
        return "infinite"
    return str(epsilon.quantize(Decimal("0.01"), rounding="ROUND_CEILING"))
