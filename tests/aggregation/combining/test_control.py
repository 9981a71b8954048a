"""Control variates: nothing but updates travels upwards, and they do what SCAFFOLD says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.aggregation.combining import ServerStep
from securefed.aggregation.combining.control import (
    OwnControl,
    check_control,
    first_own_control,
)
from securefed.aggregation.combining.rules import CONTROL
from securefed.aggregation.grid import Values
from securefed.errors import ControlUnfit
from tests.aggregation.combining.plans import plan, start

SIZE = 5
rows = st.lists(st.floats(-1, 1, width=32), min_size=SIZE, max_size=SIZE)
strides = st.sampled_from([0.25, 0.5, 1.0])


@given(st.lists(st.lists(rows, min_size=3, max_size=3), min_size=1, max_size=6), st.data())
def test_c_stays_the_weighted_mean_of_all_c_i(
    rounds: list[list[list[float]]], data: st.DataObject
) -> None:
    """Against the paper with its Δc_i sent: here the server sees the sum of updates alone."""
    chosen, weights = plan("fed-avg", control=True), np.array([1, 2, 5])
    state = start(chosen, SIZE)
    sites = [first_own_control(SIZE) for _ in weights]
    for number, updates in enumerate(rounds, start=1):
        control, stride = state.kept[CONTROL].copy(), data.draw(strides)
        trained = data.draw(st.sets(st.integers(0, 2), min_size=1))
        summed = sorted(data.draw(st.sets(st.sampled_from(sorted(trained)), min_size=1)))
        for at in trained:
            own = sites[at].as_of(state.controlled)
            sites[at] = own.trained(control, np.array(updates[at], np.float32), stride, number)
        average = np.average(np.array(updates)[summed], axis=0, weights=weights[summed])
        step = ServerStep(chosen, state, stride=stride if len(summed) == 3 else None)
        step.add(slice(0, SIZE), average)
        step.finish()
        known = [one.as_of(state.controlled).values for one in sites]
        mean = np.average(known, axis=0, weights=weights)
        np.testing.assert_allclose(state.kept[CONTROL], mean, atol=1e-4)


@pytest.mark.parametrize("factor", [1.0, 0.25])
def test_the_next_c_i_is_what_the_sites_own_gradients_add_up_to(factor: float) -> None:
    chance = np.random.default_rng(3)
    control, own = chance.normal(size=(2, SIZE)).astype(np.float32)
    rate, steps = 0.1, 7
    stride = rate * steps
    gradients = chance.normal(size=(steps, SIZE))
    site = OwnControl(values=own, round=4)
    weights = np.zeros(SIZE)
    for gradient in gradients:
        corrected = gradient + site.correction(control) / stride
        weights = weights - factor * rate * corrected
    after = site.trained(control, weights.astype(np.float32), factor, 5).as_of(5)
    np.testing.assert_allclose(after.values, stride * gradients.mean(axis=0), atol=1e-5)


def test_an_update_of_a_round_that_did_not_move_c_leaves_c_i_as_it_was() -> None:
    zeros, ones = np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32)
    site = first_own_control(SIZE).trained(zeros, ones, 1.0, 1)
    assert np.array_equal(site.as_of(0).values, zeros)
    assert np.array_equal(site.as_of(1).values, -ones)
    again = site.as_of(0).trained(zeros, 3 * ones, 1.0, 2)
    assert np.array_equal(again.as_of(2).values, -3 * ones)


@pytest.mark.parametrize("controlled", [1, 3, 4])
def test_a_c_of_a_round_that_this_site_knows_nothing_of_is_refused(controlled: int) -> None:
    own = OwnControl(values=np.ones(SIZE, np.float32), round=2)
    with pytest.raises(ControlUnfit, match=f"from round {controlled}"):
        own.as_of(controlled)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 4.1, -4.1])
def test_a_c_that_no_round_makes_is_refused(bad: float) -> None:
    check_control(np.array([0, 4, -4], np.float32), reach=2.0, stride=0.5)
    with pytest.raises(ControlUnfit, match="no sum of updates"):
        check_control(np.array([0, bad], np.float32), reach=2.0, stride=0.5)


def test_a_c_i_that_is_no_finite_number_is_never_kept() -> None:
    own = OwnControl(values=np.full(2, 3e38, np.float32), round=1)
    with pytest.raises(ControlUnfit, match="float32"):
        own.trained(np.full(2, -3e38, np.float32), np.ones(2, np.float32), 1.0, 2)


def drifted(rounds: int, *, corrected: bool) -> Values:
    """Two sites with unlike losses a(w − b)²/2: local steps alone end at a wrong minimum."""
    curves, centres, rate, steps = (1.0, 8.0), (0.0, 1.0), 0.1, 10
    chosen = plan("fed-avg", control=True)
    state = start(chosen, 1)
    sites = [first_own_control(1) for _ in curves]
    for number in range(1, rounds + 1):
        began, control = state.weights.copy(), state.kept[CONTROL].copy()
        updates = []
        for at, (curve, centre) in enumerate(zip(curves, centres, strict=True)):
            here, own = began.copy(), sites[at].as_of(number - 1)
            pull = own.correction(control) / (rate * steps) if corrected else 0.0
            for _ in range(steps):
                here = (here - rate * (curve * (here - centre) + pull)).astype(np.float32)
            updates.append(here - began)
            sites[at] = own.trained(control, here - began, 1.0, number)
        step = ServerStep(chosen, state, stride=1.0)
        step.add(slice(0, 1), np.mean(updates, axis=0, dtype=np.float64))
        step.finish()
    return state.weights


def test_sites_that_drift_apart_meet_at_the_common_minimum() -> None:
    minimum = 8 / 9
    assert abs(drifted(80, corrected=True)[0] - minimum) < 1e-3
    assert abs(drifted(80, corrected=False)[0] - minimum) > 0.1
