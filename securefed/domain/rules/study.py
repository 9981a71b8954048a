"""Rules about what is trained and for how long."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from securefed.domain.facts import ReviewFacts
from securefed.domain.findings import Finding, Objection
from securefed.domain.identifiers import Name
from securefed.domain.numbers import count
from securefed.domain.rules.speak import ask, object_to, refuse
from securefed.domain.study import ReleaseKind
from securefed.errors import ConfigInvalid


@dataclass(frozen=True, kw_only=True)
class MinimumSites:
    """A round's sum has at least this many contributors, and the study asks at least as many.
    Otherwise a person is asked, or the request is refused."""

    kind: ClassVar[str] = "minimum-sites"
    sites: int
    otherwise: Objection = Objection.REFUSE

    def __post_init__(self) -> None:
        count("sites", self.sites)

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        least = facts.request.study.minimum_sites
        if least >= self.sites:
            return []
        few = f"{least} sites" if least > 1 else "a single site"
        return object_to(
            self, self.otherwise, f"A round may close with {few}, fewer than {self.sites}"
        )


@dataclass(frozen=True, kw_only=True)
class RecipeAllowed:
    """The recipe is one that the site has agreed to run."""

    kind: ClassVar[str] = "recipe-allowed"
    recipes: tuple[Name, ...]

    def __post_init__(self) -> None:
        if not self.recipes:
            raise ConfigInvalid("An empty list of recipes would refuse every study")

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        recipe = facts.request.study.recipe
        if recipe.name in self.recipes:
            return []
        return refuse(self, f"The recipe {recipe.name} is not among {', '.join(self.recipes)}")


@dataclass(frozen=True, kw_only=True)
class OwnCode:
    """Code that a data scientist wrote is read by people, or not run at all."""

    kind: ClassVar[str] = "own-code"
    allowed: bool
    reviewers: int

    def __post_init__(self) -> None:
        count("reviewers", self.reviewers, most=20)

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        code = facts.request.study.recipe.own_code
        if code is None:
            return []
        if not self.allowed:
            return refuse(self, f"The study brings its own code {code.short()}")
        return ask(self, f"Read the study's own code {code.short()}", reviewers=self.reviewers)


@dataclass(frozen=True, kw_only=True)
class ModelSize:
    """The model is small enough for the data: a large one can carry records out with less noise."""

    kind: ClassVar[str] = "model-size"
    parameters: int

    def __post_init__(self) -> None:
        count("parameters", self.parameters)

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        asked = facts.request.study.model.parameters
        if asked <= self.parameters:
            return []
        return refuse(self, f"The model has {asked:,} parameters, more than {self.parameters:,}")


@dataclass(frozen=True, kw_only=True)
class ReleaseTypes:
    """Only the named kinds of output leave the site."""

    kind: ClassVar[str] = "release-types"
    allowed: tuple[ReleaseKind, ...]

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        return [
            finding
            for kind in facts.request.study.release_kinds
            if kind not in self.allowed
            for finding in refuse(self, f"The study would release a {kind}")
        ]


@dataclass(frozen=True, kw_only=True)
class RoundCount:
    """An approval covers at most this many attempts at rounds."""

    kind: ClassVar[str] = "round-count"
    attempts: int

    def __post_init__(self) -> None:
        count("attempts", self.attempts)

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        asked = facts.request.study.attempts
        if asked <= self.attempts:
            return []
        return refuse(self, f"{asked} attempts are asked for, more than {self.attempts}")


@dataclass(frozen=True, kw_only=True)
class RequestLifetime:
    """An approval ends within this many days."""

    kind: ClassVar[str] = "request-lifetime"
    days: int

    def __post_init__(self) -> None:
        count("days", self.days, most=36_500)

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        ends = facts.request.expires_at
        if ends <= facts.now:
            return refuse(self, "The request has expired")
        if ends - facts.now > timedelta(days=self.days):
            return refuse(self, f"The request lives longer than {self.days} days")
        return []


@dataclass(frozen=True, kw_only=True)
class FirstModelFamily:
    """A model family that this site has never approved is looked at by a person."""

    kind: ClassVar[str] = "first-model-family"

    def check(self, facts: ReviewFacts) -> list[Finding]:
        """What the rule finds in a request."""
        family = facts.request.study.model.family
        if family in facts.known_families:
            return []
        return ask(self, f"First use of the model family {family} at this site")
