"""A plan's numbers are in range, it can be stored, and another plan has another digest."""

from dataclasses import fields, replace
from decimal import Decimal

import pytest

from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.server_rule import (
    FedAdagrad,
    FedAdam,
    FedAvg,
    FedYogi,
    ServerMomentum,
    ServerPlan,
    ServerRule,
    stride_of,
)
from securefed.errors import NumberInvalid

HALF = Decimal("0.5")
RULES: tuple[ServerRule, ...] = (
    FedAvg(rate=HALF),
    ServerMomentum(rate=HALF, momentum=HALF),
    FedAdagrad(rate=HALF, beta1=HALF, tau=HALF),
    FedAdam(rate=HALF, beta1=HALF, beta2=HALF, tau=HALF),
    FedYogi(rate=HALF, beta1=HALF, beta2=HALF, tau=HALF),
)


@pytest.mark.parametrize("rule", RULES)
def test_a_plan_can_be_stored(rule: ServerRule) -> None:
    for control in (False, True):
        plan = ServerPlan(rule=rule, control=control)
        assert from_bytes(ServerPlan, to_bytes(plan)) == plan


def test_another_plan_has_another_digest() -> None:
    plans = [ServerPlan(rule=rule, control=one) for rule in RULES for one in (False, True)]
    assert len({plan.digest for plan in plans}) == len(plans)


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-0.1"])
@pytest.mark.parametrize("rule", RULES)
def test_no_number_of_a_rule_is_out_of_range(rule: ServerRule, bad: str) -> None:
    for one in fields(rule):
        with pytest.raises(NumberInvalid):
            replace(rule, **{one.name: Decimal(bad)})


@pytest.mark.parametrize("rule", RULES)
def test_decays_may_be_zero_and_not_one_rates_may_be_one_and_not_zero(rule: ServerRule) -> None:
    for one in fields(rule):
        decay = one.name in ("momentum", "beta1", "beta2")
        fits, unfit = (Decimal(0), Decimal(1)) if decay else (Decimal(1), Decimal(0))
        assert replace(rule, **{one.name: fits}) != rule
        with pytest.raises(NumberInvalid):
            replace(rule, **{one.name: unfit})


def test_a_stride_is_how_far_gradients_of_one_lead() -> None:
    rate, steps = Decimal("0.1"), 7
    weights, visited = Decimal(0), []
    for _ in range(steps):
        weights -= rate
        visited.append(weights)
    assert stride_of(rate, steps, average=False) == -weights
    assert stride_of(rate, steps, average=True) == -sum(visited) / steps
    with pytest.raises(NumberInvalid):
        stride_of(Decimal(0), steps, average=False)
