"""A policy: a name and a list of rules. An empty list refuses everything.

All rules are asked and all findings returned, in the policy's order, so that a person sees every
objection at once. What a policy does not mention it does not allow by accident: the budget, the
approval and the release gate are enforced elsewhere, whatever the policy says.
"""

from dataclasses import dataclass
from functools import cached_property

from securefed.domain.facts import ReviewFacts
from securefed.domain.findings import Finding, Level
from securefed.domain.identifiers import Digest, Name, Sentence
from securefed.domain.records import record_digest
from securefed.domain.rules import AnyRule
from securefed.errors import ConfigInvalid


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a site allows."""

    name: Name
    rules: tuple[AnyRule, ...]

    def __post_init__(self) -> None:
        kinds = [rule.kind for rule in self.rules]
        if len(set(kinds)) != len(kinds):
            raise ConfigInvalid(
                "A rule stands twice in the policy; the second would hide the first"
            )

    @cached_property
    def digest(self) -> Digest:
        """The digest that plans bind."""
        return record_digest("policy", self)


def judge(policy: Policy, facts: ReviewFacts) -> tuple[Finding, ...]:
    """Every finding of every rule; a policy without rules refuses."""
    if not policy.rules:
        reason = Sentence("The policy has no rules, so nothing is allowed")
        return (Finding(rule=Name("empty-policy"), level=Level.REFUSE, reason=reason),)
    return tuple(finding for rule in policy.rules for finding in rule.check(facts))
