"""A policy file becomes rules, in its order, and every rule class can be written in one."""

import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from securefed.config import load_policy
from securefed.config.rule_tables import RULES, field_type
from securefed.domain.policy import Policy
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.rules import AnyRule
from securefed.domain.rules.budget import EpsilonPerRequest
from securefed.domain.rules.data import Purpose
from securefed.domain.rules.mechanism import PoissonSampling
from securefed.domain.rules.protection import SealingRequired
from securefed.domain.rules.study import OwnCode
from securefed.domain.study import Suite

POLICIES = Path(__file__).parents[2] / "policies"


def policy_of(folder: Path, text: str) -> Policy:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path)


def test_rules_stand_in_the_order_of_the_file(tmp_path: Path) -> None:
    policy = policy_of(
        tmp_path,
        """
name = "mine"
[rules.purpose]
[rules.sealing-required]
suites = ["mask", "bfv"]
[rules.epsilon-per-request]
refuse_above = 3
ask_above = 1e-1
[rules.own-code]
allowed = false
reviewers = 2
[rules.poisson-sampling]
""",
    )
    assert policy.name == "mine"
    assert policy.rules == (
        Purpose(),
        SealingRequired(suites=(Suite.MASK, Suite.BFV)),
        EpsilonPerRequest(refuse_above=Decimal(3), ask_above=Decimal("0.1")),
        OwnCode(allowed=False, reviewers=2),
        PoissonSampling(),
    )


def test_a_policy_without_rules_is_the_empty_one(tmp_path: Path) -> None:
    assert policy_of(tmp_path, 'name = "none"\n[rules]\n').rules == ()


@pytest.mark.parametrize("name", ["baseline", "pilot", "strict-health"])
def test_a_shipped_policy_survives_being_stored(name: str) -> None:
    policy = load_policy(POLICIES / f"{name}.toml")
    assert from_bytes(Policy, to_bytes(policy)) == policy


def test_every_rule_class_has_a_table() -> None:
    assert set(RULES.values()) == set(get_args(AnyRule))
    assert all(dataclasses.is_dataclass(rule) for rule in RULES.values())


def test_a_field_that_no_policy_could_write_is_a_defect() -> None:
    with pytest.raises(TypeError, match="no way to write"):
        field_type(dict[str, int])
