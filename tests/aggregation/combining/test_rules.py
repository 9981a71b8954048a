"""Each server rule against its paper's formulas, written again here for one number at a time."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.aggregation.combining import first_state
from securefed.domain.server_rule import FedAvg, ServerMomentum, ServerPlan
from tests.aggregation.combining.plans import (
    BETA1,
    BETA2,
    LAYOUT,
    RATE,
    RULES,
    TAU,
    averages,
    plan,
    start,
    take,
)

ETA, B1, B2, T = float(RATE), float(BETA1), float(BETA2), float(TAU)
ADAPTIVE = ("fed-adagrad", "fed-adam", "fed-yogi")


class OfPaper:
    """One weight under a rule: Hsu et al. 2019, Reddi et al. 2021 algorithm 2 (lines 13 to 18)."""

    def __init__(self, name: str, x: float, *, rounded: bool) -> None:
        self.name, self.x, self.m = name, x, 0.0
        self.kept = (lambda value: float(np.float32(value))) if rounded else float
        self.v = self.kept(T**2)

    def step(self, delta: float) -> None:
        if self.name == "fed-avg":
            self.x = self.kept(self.x + ETA * delta)
            return
        if self.name == "server-momentum":
            self.m = B1 * self.m + delta
            self.x = self.kept(self.x + ETA * self.m)
            self.m = self.kept(self.m)
            return
        self.m = B1 * self.m + (1 - B1) * delta
        squared = delta * delta
        if self.name == "fed-adagrad":
            self.v = self.v + squared
        elif self.name == "fed-yogi":
            sign = (self.v > squared) - (self.v < squared)
            self.v = self.v - (1 - B2) * squared * sign
        else:
            self.v = B2 * self.v + (1 - B2) * squared
        self.x = self.kept(self.x + ETA * self.m / (math.sqrt(self.v) + T))
        self.m, self.v = self.kept(self.m), self.kept(self.v)


def of_paper(
    name: str, weights: list[float], rounds: list[list[float]], *, rounded: bool
) -> list[float]:
    ones = [OfPaper(name, x, rounded=rounded) for x in weights]
    for deltas in rounds:
        for one, delta in zip(ones, deltas, strict=True):
            one.step(delta)
    return [one.x for one in ones]


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=40)
@given(data=st.data())
def test_a_rule_is_that_of_its_paper(name: str, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 6))
    weights = data.draw(st.lists(st.floats(-9, 9, width=32), min_size=size, max_size=size))
    row = st.lists(st.floats(-1, 1), min_size=size, max_size=size)
    rounds = data.draw(st.lists(row, min_size=1, max_size=4))
    state = first_state(plan(name), LAYOUT, np.array(weights, np.float32))
    for deltas in rounds:
        take(plan(name), state, np.array(deltas))
    expected = of_paper(name, weights, rounds, rounded=True)
    np.testing.assert_allclose(state.weights, expected, rtol=1e-6, atol=1e-6)
    assert state.steps == len(rounds)


@pytest.mark.parametrize("name", RULES)
def test_a_state_of_float32_stays_with_one_of_float64(name: str) -> None:
    state, rounds = start(plan(name), 5), averages(200, 5)
    weights = state.weights.tolist()
    for average in rounds:
        take(plan(name), state, average)
    exact = of_paper(name, weights, [one.tolist() for one in rounds], rounded=False)
    np.testing.assert_allclose(state.weights, exact, rtol=1e-5, atol=1e-4)


def test_fed_avg_at_rate_one_is_the_mean_of_the_sites_models() -> None:
    whole = ServerPlan(rule=FedAvg(rate=Decimal(1)), control=False)
    state = start(whole, 3)
    models = np.array([[1, 2, 3], [3, 2, 7]], np.float32)
    take(whole, state, np.mean(models - state.weights, axis=0, dtype=np.float64))
    np.testing.assert_allclose(state.weights, [2, 2, 5])


def test_momentum_of_zero_is_fed_avg() -> None:
    none = ServerPlan(rule=ServerMomentum(rate=RATE, momentum=Decimal(0)), control=False)
    one, other = start(none, 9), start(plan("fed-avg"), 9)
    for average in averages(3, 9):
        take(none, one, average)
        take(plan("fed-avg"), other, average)
    assert np.array_equal(one.weights, other.weights)


@pytest.mark.parametrize("name", ADAPTIVE)
def test_values_of_unlike_size_move_alike_under_adaptive_rules(name: str) -> None:
    state = first_state(plan(name), LAYOUT, np.zeros(2, np.float32))
    for _ in range(300):
        take(plan(name), state, np.array([0.1, 10.0]))
    assert state.weights[1] / state.weights[0] < 1.2


def test_a_rule_keeps_no_more_than_it_needs() -> None:
    kept = {name: [str(one) for one in start(plan(name), 2).kept] for name in RULES}
    assert kept == {
        "fed-avg": [],
        "server-momentum": ["first"],
        **{name: ["first", "second"] for name in ADAPTIVE},
    }
    assert list(start(plan("fed-avg", control=True), 2).kept) == ["control"]
