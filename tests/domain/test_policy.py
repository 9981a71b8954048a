"""A policy: all rules are asked, all findings kept, and no rules means no."""

from dataclasses import replace
from decimal import Decimal
from typing import get_args

import pytest

from securefed.domain import rules as every
from securefed.domain.findings import Finding, Level, Verdict, reviewers_needed, verdict_of
from securefed.domain.identifiers import Name
from securefed.domain.policy import Policy, judge
from securefed.domain.rules import AnyRule
from securefed.errors import ConfigInvalid
from tests.domain.facts import facts
from tests.domain.ledger_strategies import RULES
from tests.world import World, lenient_rules


def finding(level: Level, reviewers: int = 1) -> Finding:
    return Finding(rule=Name("a-rule"), level=level, reason="Because", reviewers=reviewers)


NOTE, ASK, REFUSE = (finding(level) for level in (Level.NOTE, Level.ASK, Level.REFUSE))


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ((), Verdict.ALLOW),
        ((NOTE, NOTE), Verdict.ALLOW),
        ((NOTE, ASK), Verdict.ASK),
        ((REFUSE, NOTE), Verdict.REFUSE),
        ((ASK, REFUSE, ASK), Verdict.REFUSE),
    ],
)
def test_the_verdict_is_the_worst_finding(findings: tuple[Finding, ...], verdict: Verdict) -> None:
    assert verdict_of(findings) is verdict


def test_as_many_people_review_as_the_most_demanding_finding_wants() -> None:
    assert reviewers_needed(()) == 1
    assert reviewers_needed((ASK, finding(Level.ASK, 3), finding(Level.ASK, 2))) == 3
    assert reviewers_needed((finding(Level.NOTE, 0),)) == 1


def test_a_policy_without_rules_refuses_everything() -> None:
    [found] = judge(Policy(name=Name("none"), rules=()), facts())
    assert (found.rule, found.level) == ("empty-policy", Level.REFUSE)


def test_a_content_policy_finds_nothing() -> None:
    assert judge(Policy(name=Name("test"), rules=lenient_rules()), facts()) == ()


def test_every_objection_is_made_in_the_order_of_the_rules() -> None:
    asked = facts(
        World(noise=Decimal("0.49"), rounds=1, steps=1, minimum_sites=1, purpose="marketing")
    )
    found = judge(Policy(name=Name("test"), rules=lenient_rules()), asked)
    names = [one.rule for one in found]
    assert names == ["minimum-noise", "purpose", "minimum-sites"]


def test_a_rule_stands_once() -> None:
    limits = tuple(every.ModelSize(parameters=limit) for limit in (1, 10**9))
    with pytest.raises(ConfigInvalid, match="stands twice"):
        Policy(name=Name("test"), rules=limits)


def test_the_digest_depends_on_every_rule_and_their_order() -> None:
    policy = Policy(name=Name("test"), rules=lenient_rules())
    others = [
        replace(policy, name=Name("other")),
        replace(policy, rules=policy.rules[1:]),
        replace(policy, rules=policy.rules[::-1]),
        replace(policy, rules=(every.ModelSize(parameters=1), every.Purpose())),
    ]
    assert len({one.digest for one in (policy, *others)}) == 5


def test_rules_are_told_apart_by_their_kinds_and_all_are_known_here() -> None:
    classes = get_args(AnyRule)
    assert len({one.kind for one in classes}) == len(classes)
    assert set(RULES) == set(classes)
