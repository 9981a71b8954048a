"""Rules about walls: sealing before anything leaves, a sandbox around what runs, enough eyes."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from securefed.domain.facts import ReviewFacts
from securefed.domain.findings import Finding, Objection
from securefed.domain.numbers import count, positive
from securefed.domain.rules.speak import ask, note, object_to, refuse, shown
from securefed.domain.site import Sandbox
from securefed.domain.study import Suite
from securefed.errors import ConfigInvalid


@dataclass(frozen=True, kw_only=True)
class SealingRequired:
    """Updates leave only under one of the named suites. Otherwise a person is asked, or the
    request is refused."""

    kind: ClassVar[str] = "sealing-required"
    suites: tuple[Suite, ...]
    otherwise: Objection = Objection.REFUSE

    def __post_init__(self) -> None:
        if Suite.NONE in self.suites or not self.suites:
            raise ConfigInvalid("Name at least one suite, and not 'none': it seals nothing")

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        suite = facts.request.study.sealing.suite
        if suite in self.suites:
            return []
        reason = f"The suite {suite} is not among {', '.join(self.suites)}"
        return object_to(self, self.otherwise, reason)


@dataclass(frozen=True, kw_only=True)
class MetricsSummed:
    """Metrics leave inside a sealed update, and only their sum over the sites is opened. For those
    of this site alone a person is asked, or the request is refused."""

    kind: ClassVar[str] = "metrics-summed"
    otherwise: Objection = Objection.REFUSE

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        if facts.request.part.metrics is None or facts.request.study.sealing.tally:
            return []
        return object_to(self, self.otherwise, "The metrics of this site alone would be shown")


@dataclass(frozen=True, kw_only=True)
class SandboxRequired:
    """What runs is walled off by one of the named sandboxes."""

    kind: ClassVar[str] = "sandbox-required"
    sandboxes: tuple[Sandbox, ...]

    def __post_init__(self) -> None:
        if not self.sandboxes:
            raise ConfigInvalid("An empty list of sandboxes would refuse every study")

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        sandbox = facts.machine.sandbox
        if sandbox not in self.sandboxes:
            return refuse(
                self, f"It would run in: {sandbox}; required: {', '.join(self.sandboxes)}"
            )
        if sandbox is Sandbox.PROCESS:
            return note(self, "It would run as a plain process, without a sandbox")
        return []


@dataclass(frozen=True, kw_only=True)
class TwoReviewers:
    """Above a loss, one person's approval is not enough."""

    kind: ClassVar[str] = "two-reviewers"
    above_epsilon: Decimal
    reviewers: int

    def __post_init__(self) -> None:
        positive("above_epsilon", self.above_epsilon)
        count("reviewers", self.reviewers, least=2, most=20)

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        # What the requester has had already counts, so that a study gains nothing by being split.
        epsilon = max(facts.loss.epsilon, facts.requester_loss.epsilon)
        if epsilon <= self.above_epsilon:
            return []
        return ask(
            self,
            f"ε = {shown(epsilon)} is above {shown(self.above_epsilon)}",
            reviewers=self.reviewers,
        )
