"""A step is taken whole or its state counts no more, in whatever parts, in its own memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.aggregation.combining import ServerStep, first_state, written_state
from securefed.errors import CheckpointUnusable, NumberInvalid, UpdateUnusable
from tests.aggregation.combining.plans import (
    LAYOUT,
    RULES,
    arrays,
    averages,
    plan,
    start,
    take,
)


@pytest.mark.parametrize("name", RULES)
@given(part=st.integers(1, 40))
def test_whatever_the_parts_the_outcome_is_the_same_to_the_bit(name: str, part: int) -> None:
    chosen = plan(name, control=True)
    whole, parts = start(chosen, 37), start(chosen, 37)
    for average in averages(3, 37):
        take(chosen, whole, average)
        take(chosen, parts, average, part)
    for one, other in zip(arrays(whole), arrays(parts), strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    "place", [slice(1, 4), slice(0, 4), slice(0, 2), slice(-3, 0), slice(None, 3), slice(0, None)]
)
def test_parts_follow_one_another(place: slice) -> None:
    step = ServerStep(plan("fed-avg"), start(plan("fed-avg"), 9))
    with pytest.raises(UpdateUnusable, match="do not follow"):
        step.add(place, np.zeros(3))


def test_a_part_twice_is_refused() -> None:
    step = ServerStep(plan("fed-avg"), start(plan("fed-avg"), 9))
    step.add(slice(0, 3), np.zeros(3))
    with pytest.raises(UpdateUnusable, match="do not follow"):
        step.add(slice(0, 3), np.zeros(3))


def test_an_average_is_as_long_as_the_model() -> None:
    step = ServerStep(plan("fed-avg"), start(plan("fed-avg"), 4))
    step.add(slice(0, 3), np.zeros(3))
    with pytest.raises(UpdateUnusable, match="shorter"):
        step.finish()
    with pytest.raises(UpdateUnusable, match="longer"):
        step.add(slice(3, 6), np.zeros(3))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", RULES)
def test_what_is_not_finite_spoils_nothing_and_ends_the_state(name: str, bad: float) -> None:
    chosen = plan(name)
    state = start(chosen, 4)
    before = [one.copy() for one in arrays(state)]
    step = ServerStep(chosen, state)
    with pytest.raises(UpdateUnusable, match="no finite numbers"):
        step.add(slice(0, 4), np.array([0, bad, 0, 0]))
    assert all(np.array_equal(*pair) for pair in zip(before, arrays(state), strict=True))
    with pytest.raises(CheckpointUnusable, match="broke off"):
        ServerStep(chosen, state)
    with pytest.raises(CheckpointUnusable, match="broke off"):
        b"".join(written_state(state))


@pytest.mark.parametrize("name", RULES)
def test_what_float32_cannot_hold_is_refused(name: str) -> None:
    chosen = plan(name, control=True)
    with pytest.raises(UpdateUnusable, match="cannot hold"):
        take(chosen, start(chosen, 1), np.array([1e300]))


def test_a_state_is_of_one_plan() -> None:
    with pytest.raises(CheckpointUnusable, match="another plan"):
        ServerStep(plan("fed-avg"), start(plan("fed-avg", control=True), 2))


@pytest.mark.parametrize(
    ("factor", "stride"), [(0.0, 1.0), (1.1, 1.0), (float("nan"), 1.0), (1.0, 0.0), (1.0, 1.5)]
)
def test_a_factor_and_a_stride_are_parts_of_one(factor: float, stride: float) -> None:
    state = start(plan("fed-avg"), 2)
    with pytest.raises(NumberInvalid):
        ServerStep(plan("fed-avg"), state, factor=factor, stride=stride)
    assert state.whole


def test_the_factor_shortens_the_step_and_leaves_moments_alone() -> None:
    chosen = plan("server-momentum")
    half, full = start(chosen, 3), start(chosen, 3)
    began = full.weights.copy()
    average = averages(1, 3)[0]
    for state, factor in ((half, 0.5), (full, 1.0)):
        step = ServerStep(chosen, state, factor=factor)
        step.add(slice(0, 3), average)
        step.finish()
    np.testing.assert_allclose(half.weights - began, (full.weights - began) / 2, atol=1e-7)
    assert np.array_equal(arrays(half)[1], arrays(full)[1])


@pytest.mark.parametrize(
    "weights",
    [
        np.zeros(3),
        np.zeros((3, 1), np.float32),
        np.zeros(0, np.float32),
        np.array([np.nan], np.float32),
    ],
)
def test_first_weights_are_finite_float32_in_a_row(weights: np.ndarray) -> None:
    with pytest.raises(UpdateUnusable, match="first weights"):
        first_state(plan("fed-avg"), LAYOUT, weights)


def test_a_step_takes_the_memory_of_a_few_parts() -> None:
    chosen, size, part = plan("fed-yogi", control=True), 1 << 20, 1 << 13
    state = start(chosen, size)
    average = np.zeros(part)
    tracemalloc.start()
    step = ServerStep(chosen, state)
    for at in range(0, size, part):
        step.add(slice(at, at + part), average)
    step.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Eight bytes a value, and room for a dozen such arrays at once.
    assert peak < 20 * 8 * part
