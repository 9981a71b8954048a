"""Every case produces the finding that its file is named after, at its level, and no other."""

from pathlib import Path

import pytest

from securefed.config.rule_tables import RULES
from securefed.domain.findings import Level, Verdict, verdict_of
from securefed.domain.policy import judge
from securefed.domain.rules.study import RecipeAllowed
from securefed.errors import SecurefedError
from securefed.recipes.registry import recipe_names
from tests.policies.cases import case_files, facts_with, read_case, shipped

SHIPPED = ("pilot", "baseline", "strict-health")
OBJECTIONS = (Level.ASK, Level.REFUSE)
WEIGHT = {Verdict.ALLOW: 0, Verdict.ASK: 1, Verdict.REFUSE: 2}


def name_of(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", case_files("refused"), ids=name_of)
def test_a_refused_case_produces_exactly_its_finding(path: Path) -> None:
    case = read_case(path)
    objections = {(one.rule, one.level) for one in case.findings() if one.level in OBJECTIONS}
    assert objections == {(case.finding, case.level or Level.REFUSE)}


@pytest.mark.parametrize("path", case_files("allowed"), ids=name_of)
def test_an_allowed_case_produces_at_most_the_note_that_it_states(path: Path) -> None:
    case = read_case(path)
    assert case.finding in {rule.kind for rule in case.policy.rules}
    levels = [one.level for one in case.findings() if one.rule == case.finding]
    assert levels == ([] if case.level is None else [Level.NOTE])


@pytest.mark.parametrize("folder", ["allowed", "refused"])
def test_every_rule_has_a_case_and_every_case_has_a_rule(folder: str) -> None:
    findings = {read_case(path).finding for path in case_files(folder)}
    assert findings - {"empty-policy"} == set(RULES)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policy_has_every_rule_and_the_name_of_its_file(name: str) -> None:
    policy = shipped(name)
    assert policy.name == name
    assert {rule.kind for rule in policy.rules} == set(RULES)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policy_has_nothing_to_say_about_the_base(name: str) -> None:
    assert judge(shipped(name), facts_with({})) == ()


@pytest.mark.parametrize("path", case_files("refused") + case_files("allowed"), ids=name_of)
def test_each_shipped_policy_is_nowhere_looser_than_the_one_before(path: Path) -> None:
    facts = read_case(path).facts
    weights = [WEIGHT[verdict_of(judge(shipped(name), facts))] for name in SHIPPED]
    assert weights == sorted(weights)


@pytest.mark.parametrize("name", ["pilot", "baseline"])
def test_a_policy_for_everybody_lists_every_recipe_of_ours(name: str) -> None:
    [rule] = [one for one in shipped(name).rules if isinstance(one, RecipeAllowed)]
    assert {*rule.recipes, "own-code"} == set(recipe_names())


def test_all_findings_are_returned_in_the_order_of_the_policy() -> None:
    facts = facts_with(
        {
            "known_families": [],
            "loss": {"epsilon": facts_with({}).loss.epsilon + 9},
            "card": {"units": 5},
            "machine": {"sandbox": "process"},
            "request": {
                "study": {
                    "sealing": {"suite": "none", "tally": 0},
                    "minimum_sites": 1,
                    "purpose": "other",
                }
            },
        }
    )
    found = [one.rule for one in judge(shipped("strict-health"), facts)]
    assert found == [
        "epsilon-per-request",
        "minimum-records",
        "purpose",
        "minimum-sites",
        "release-types",
        "release-types",
        "first-model-family",
        "sealing-required",
        "metrics-summed",
        "sandbox-required",
        "two-reviewers",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not toml", "Expected '='"),
        ("policy = 'baseline'\nextra = 1\n", "unknown"),
        ("[facts]\nloss.epsilon = 1.0\n", "names a policy or has rules"),
        ("policy = 'baseline'\n[rules]\n", "names a policy or has rules"),
        ("policy = 'nowhere'\n", "nothing there"),
        ("[rules.no-such-rule]\n", "no-such-rule"),
        ("[rules.minimum-noise]\nnoise_multiplier = '0.5'\n", "a decimal number"),
        ("policy = 'baseline'\n[facts]\nlos.epsilon = 1.0\n", "the base has no"),
        ("policy = 'baseline'\n[facts]\nloss.epsilon = '1e-5'\n", "not a decimal"),
        ("policy = 'baseline'\n[facts]\nrequest.study.participants.7.site = 'x'\n", "has no"),
    ],
)
def test_a_case_that_cannot_be_read_fails(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "purpose.toml").write_text(text, encoding="utf-8")
    with pytest.raises((ValueError, SecurefedError), match=reason):
        read_case(tmp_path / "purpose.toml")
