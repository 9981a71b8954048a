"""Control variates: nothing but updates travels upwards, and they do what SCAFFOLD says."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.aggregation.combining import ServerStep
from securefed.aggregation.combining.control import OwnControl, first_own_control
from securefed.aggregation.combining.rules import CONTROL
from securefed.aggregation.grid import Values
from securefed.errors import TransitionInvalid
from tests.aggregation.combining.plans import plan, start

SIZE, STRIDE = 5, 0.5
rows = st.lists(st.floats(-1, 1, width=32), min_size=SIZE, max_size=SIZE)


@given(st.lists(st.lists(rows, min_size=3, max_size=3), min_size=1, max_size=4), st.data())
def test_c_stays_the_weighted_mean_of_all_c_i(
    rounds: list[list[list[float]]], data: st.DataObject
) -> None:
    """Against the paper with its Δc_i sent: here the server sees the sum of updates alone."""
    chosen, weights = plan("fed-avg", str(STRIDE)), np.array([1, 2, 5])
    state = start(chosen, SIZE)
    sites = [first_own_control(SIZE) for _ in weights]
    for updates in rounds:
        control = state.kept[CONTROL].copy()
        summed = sorted(data.draw(st.sets(st.integers(0, 2), min_size=1)))
        # A site that drops out has trained all the same.
        sites = [
            one.trained(control, np.array(update, np.float32), STRIDE)
            for one, update in zip(sites, updates, strict=True)
        ]
        sites = [one.told(summed=at in summed) for at, one in enumerate(sites)]
        part = weights[summed]
        average = np.average(np.array(updates)[summed], axis=0, weights=part)
        share = Fraction(int(part.sum()), int(weights.sum()))
        step = ServerStep(chosen, state, share=share)
        step.add(slice(0, SIZE), average)
        step.finish()
        mean = np.average([one.values for one in sites], axis=0, weights=weights)
        np.testing.assert_allclose(state.kept[CONTROL], mean, atol=1e-5)


def test_the_next_c_i_is_the_mean_of_the_noised_gradients() -> None:
    chance = np.random.default_rng(3)
    control, own = chance.normal(size=(2, SIZE)).astype(np.float32)
    rate, steps = 0.1, 7
    gradients = chance.normal(size=(steps, SIZE))
    site = OwnControl(values=own)
    weights = np.zeros(SIZE)
    for gradient in gradients:
        weights = weights - rate * (gradient + site.correction(control))
    after = site.trained(control, weights.astype(np.float32), rate * steps).told(summed=True)
    np.testing.assert_allclose(after.values, gradients.mean(axis=0), atol=1e-5)


def test_an_update_that_was_not_summed_leaves_c_i_as_it_was() -> None:
    site = OwnControl(values=np.ones(SIZE, np.float32))
    after = site.trained(np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32), STRIDE)
    assert np.array_equal(after.told(summed=False).values, site.values)


def test_two_rounds_without_word_are_refused() -> None:
    zeros = np.zeros(SIZE, np.float32)
    site = first_own_control(SIZE)
    with pytest.raises(TransitionInvalid, match="No update"):
        site.told(summed=True)
    with pytest.raises(TransitionInvalid, match="not known"):
        site.trained(zeros, zeros, STRIDE).trained(zeros, zeros, STRIDE)


def drifted(rounds: int, *, corrected: bool) -> Values:
    """Two sites with unlike losses a(w − b)²/2: local steps alone end at a wrong minimum."""
    curves, centres, rate, steps = (1.0, 8.0), (0.0, 1.0), 0.1, 10
    chosen = plan("fed-avg", "1.0")
    state = start(chosen, 1)
    sites = [first_own_control(1) for _ in curves]
    for _ in range(rounds):
        began, control = state.weights.copy(), state.kept[CONTROL].copy()
        updates = []
        for at, (curve, centre) in enumerate(zip(curves, centres, strict=True)):
            here = began.copy()
            pull = sites[at].correction(control) if corrected else 0.0
            for _ in range(steps):
                here = (here - rate * (curve * (here - centre) + pull)).astype(np.float32)
            updates.append(here - began)
            sites[at] = sites[at].trained(control, here - began, 1.0).told(summed=True)
        step = ServerStep(chosen, state)
        step.add(slice(0, 1), np.mean(updates, axis=0, dtype=np.float64))
        step.finish()
    return state.weights


def test_sites_that_drift_apart_meet_at_the_common_minimum() -> None:
    minimum = 8 / 9
    assert abs(drifted(80, corrected=True)[0] - minimum) < 1e-3
    assert abs(drifted(80, corrected=False)[0] - minimum) > 0.1
