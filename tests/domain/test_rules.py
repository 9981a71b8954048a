"""Each rule at its limit: content there, objecting just beyond it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from securefed.domain import rules as every
from securefed.domain.facts import ReviewFacts
from securefed.domain.findings import Level, Objection
from securefed.domain.identifiers import Name
from securefed.domain.privacy import PrivacyUnit, Sampling
from securefed.domain.rules import AnyRule
from securefed.domain.rules.speak import shown
from securefed.domain.site import Sandbox
from securefed.domain.study import ReleaseKind, Suite
from securefed.errors import ConfigInvalid, SecurefedError
from tests.domain.facts import facts
from tests.world import World, digest

FACTS = facts()
LOSS = FACTS.loss.epsilon
GRAIN = Decimal("1e-12")
MEASURED = facts(World(metrics_noise=Decimal("0.9")))
SHUFFLED = facts(World(sampling=Sampling.SHUFFLE))
OWN = facts(World(own_code=digest("code")))
PLAIN_PROCESS = facts(World(sandbox=Sandbox.PROCESS))
BY_RECORD = replace(FACTS, card=replace(FACTS.card, unit=PrivacyUnit(column=None, bound=1)))
REFUSE, ASK, NOTE = Level.REFUSE, Level.ASK, Level.NOTE


def lifetime(**since: int) -> ReviewFacts:
    """The facts some time after filing; the request lives for seven days."""
    return replace(FACTS, now=FACTS.now + timedelta(**since))


@dataclass(frozen=True)
class Case:
    """A rule, what it looks at, and what it says."""

    rule: AnyRule
    facts: ReviewFacts
    levels: tuple[Level, ...]
    says: str = ""


CASES = [
    Case(every.EpsilonPerRequest(refuse_above=LOSS, ask_above=LOSS), FACTS, ()),
    Case(every.EpsilonPerRequest(refuse_above=LOSS, ask_above=LOSS - GRAIN), FACTS, (ASK,), "1.18"),
    Case(
        every.EpsilonPerRequest(refuse_above=LOSS - GRAIN, ask_above=LOSS - GRAIN),
        FACTS,
        (REFUSE,),
        "above 1.18",
    ),
    Case(
        every.EpsilonPerRequest(refuse_above=Decimal(10**12), ask_above=Decimal(1)),
        SHUFFLED,
        (REFUSE,),
        "ε = infinite",
    ),
    Case(every.EpsilonPerDataset(refuse_above=LOSS * 2), FACTS, ()),
    Case(every.EpsilonPerDataset(refuse_above=LOSS), FACTS, (NOTE,), "of at most"),
    Case(every.EpsilonPerDataset(refuse_above=LOSS), facts(spent_before=3), (REFUSE,)),
    Case(every.EpsilonPerRequester(refuse_above=LOSS), FACTS, ()),
    Case(every.EpsilonPerRequester(refuse_above=LOSS), facts(spent_before=1), (REFUSE,), "dana's"),
    Case(every.DeltaBelowUnits(share=Decimal("0.01")), FACTS, ()),
    Case(
        every.DeltaBelowUnits(share=Decimal("0.0099")),
        FACTS,
        (REFUSE,),
        "at most 9.9e-7 (0.0099/n)",
    ),
    Case(every.MinimumRecords(units=10_000), FACTS, ()),
    Case(every.MinimumRecords(units=10_001), FACTS, (REFUSE,), "fewer than 10001"),
    Case(every.UnitProtected(column_required=True), FACTS, ()),
    Case(every.UnitProtected(column_required=True), BY_RECORD, (REFUSE,)),
    Case(every.UnitProtected(column_required=False), BY_RECORD, (NOTE,)),
    Case(every.Purpose(), FACTS, ()),
    Case(every.Purpose(), facts(World(purpose="marketing")), (REFUSE,), "readmission-research"),
    Case(every.MinimumNoise(noise_multiplier=Decimal("1.1")), FACTS, ()),
    Case(every.MinimumNoise(noise_multiplier=Decimal("1.11")), FACTS, (REFUSE,), "dp-sgd has"),
    Case(every.MinimumNoise(noise_multiplier=Decimal(1)), MEASURED, (REFUSE,), "gaussian has"),
    Case(every.MinimumNoise(noise_multiplier=Decimal(2)), MEASURED, (REFUSE, REFUSE)),
    Case(every.PoissonSampling(), FACTS, ()),
    Case(every.PoissonSampling(), SHUFFLED, (REFUSE,), "Sampling is shuffle"),
    Case(every.MinimumSites(sites=2), FACTS, ()),
    Case(every.MinimumSites(sites=3), FACTS, (REFUSE,), "close with 2 sites"),
    Case(every.MinimumSites(sites=3, otherwise=Objection.ASK), FACTS, (ASK,), "with 2 sites"),
    Case(every.RecipeAllowed(recipes=(Name("text"), Name("tabular"))), FACTS, ()),
    Case(every.RecipeAllowed(recipes=(Name("tabular-2"),)), FACTS, (REFUSE,)),
    Case(every.OwnCode(allowed=False, reviewers=1), FACTS, ()),
    Case(every.OwnCode(allowed=True, reviewers=2), OWN, (ASK,), digest("code").short()),
    Case(every.OwnCode(allowed=False, reviewers=2), OWN, (REFUSE,)),
    Case(every.ModelSize(parameters=10_402), FACTS, ()),
    Case(every.ModelSize(parameters=10_401), FACTS, (REFUSE,), "10,402"),
    Case(every.RoundCount(attempts=5), FACTS, ()),
    Case(every.RoundCount(attempts=5), facts(World(spare=1)), (REFUSE,), "6 attempts"),
    Case(every.RequestLifetime(days=7), FACTS, ()),
    Case(every.RequestLifetime(days=6), FACTS, (REFUSE,), "longer than 6 days"),
    Case(every.RequestLifetime(days=6), lifetime(days=1), ()),
    Case(every.RequestLifetime(days=6), lifetime(days=1, seconds=-1), (REFUSE,)),
    Case(every.RequestLifetime(days=6), lifetime(days=7), (REFUSE,), "has expired"),
    Case(every.FirstModelFamily(), FACTS, ()),
    Case(every.FirstModelFamily(), facts(World(family="tree")), (ASK,), "family tree"),
    Case(every.SealingRequired(suites=(Suite.BFV, Suite.BFV_MASK)), FACTS, ()),
    Case(every.SealingRequired(suites=(Suite.BFV,)), FACTS, (REFUSE,), "suite bfv+mask"),
    Case(
        every.SealingRequired(suites=(Suite.BFV,), otherwise=Objection.ASK),
        facts(World(suite=Suite.NONE)),
        (ASK,),
        "suite none",
    ),
    Case(every.SealingRequired(suites=(Suite.BFV,)), facts(World(suite=Suite.NONE)), (REFUSE,)),
    Case(every.SandboxRequired(sandboxes=(Sandbox.BUBBLEWRAP,)), FACTS, ()),
    Case(every.SandboxRequired(sandboxes=(Sandbox.BUBBLEWRAP,)), PLAIN_PROCESS, (REFUSE,)),
    Case(every.SandboxRequired(sandboxes=tuple(Sandbox)), PLAIN_PROCESS, (NOTE,)),
    Case(every.TwoReviewers(above_epsilon=LOSS, reviewers=2), FACTS, ()),
    Case(every.TwoReviewers(above_epsilon=LOSS - GRAIN, reviewers=3), FACTS, (ASK,), "above 1.18"),
    Case(
        every.ReleaseTypes(
            allowed=(ReleaseKind.SEALED_UPDATE, ReleaseKind.PROGRESS, ReleaseKind.ERROR_CODE)
        ),
        FACTS,
        (),
    ),
    Case(
        every.ReleaseTypes(allowed=(ReleaseKind.SEALED_UPDATE,)),
        MEASURED,
        (REFUSE, REFUSE, REFUSE),
        "noisy-metrics",
    ),
    Case(every.ReleaseTypes(allowed=()), FACTS, (REFUSE, REFUSE, REFUSE)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule.kind} {case.levels}")
def test_a_rule_says_what_it_finds_in_its_own_name(case: Case) -> None:
    found = case.rule.check(case.facts)
    assert tuple(one.level for one in found) == case.levels
    assert {one.rule for one in found} <= {case.rule.kind}
    assert not found or case.says in found[0].reason


def test_findings_that_want_several_people_say_how_many() -> None:
    several = every.OwnCode(allowed=True, reviewers=2).check(OWN) + every.TwoReviewers(
        above_epsilon=GRAIN, reviewers=3
    ).check(FACTS)
    assert [one.reviewers for one in several] == [2, 3]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "0"])
def test_no_limit_is_boundless_or_nothing(value: str) -> None:
    limit = Decimal(value)
    for make in (
        lambda: every.EpsilonPerRequest(refuse_above=limit, ask_above=limit),
        lambda: every.EpsilonPerRequest(refuse_above=LOSS, ask_above=limit),
        lambda: every.EpsilonPerDataset(refuse_above=limit),
        lambda: every.EpsilonPerRequester(refuse_above=limit),
        lambda: every.DeltaBelowUnits(share=limit),
        lambda: every.MinimumNoise(noise_multiplier=limit),
        lambda: every.TwoReviewers(above_epsilon=limit, reviewers=2),
    ):
        with pytest.raises(SecurefedError):
            make()


@pytest.mark.parametrize("value", [0, -1, True, 10**13])
def test_no_count_is_nothing_or_beyond_counting(value: int) -> None:
    for make in (
        lambda: every.MinimumRecords(units=value),
        lambda: every.MinimumSites(sites=value),
        lambda: every.OwnCode(allowed=True, reviewers=value),
        lambda: every.ModelSize(parameters=value),
        lambda: every.RoundCount(attempts=value),
        lambda: every.RequestLifetime(days=value),
        lambda: every.TwoReviewers(above_epsilon=LOSS, reviewers=value),
    ):
        with pytest.raises(SecurefedError):
            make()


def test_a_rule_that_contradicts_itself_cannot_be_made() -> None:
    for make in (
        lambda: every.EpsilonPerRequest(refuse_above=Decimal(1), ask_above=Decimal(2)),
        lambda: every.DeltaBelowUnits(share=Decimal(1)),
        lambda: every.SealingRequired(suites=()),
        lambda: every.SealingRequired(suites=(Suite.BFV, Suite.NONE)),
        lambda: every.SandboxRequired(sandboxes=()),
        lambda: every.RecipeAllowed(recipes=()),
    ):
        with pytest.raises(ConfigInvalid):
            make()
    with pytest.raises(SecurefedError):
        every.TwoReviewers(above_epsilon=LOSS, reviewers=1)


@pytest.mark.parametrize(
    ("epsilon", "text"),
    [("1.001", "1.01"), ("1", "1.00"), ("0.0000001", "0.01"), ("Infinity", "infinite")],
)
def test_an_epsilon_is_shown_rounded_up(epsilon: str, text: str) -> None:
    assert shown(Decimal(epsilon)) == text
