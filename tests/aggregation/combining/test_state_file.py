"""A state's file gives back every bit, so a run that goes on from it is as one that never ended."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.aggregation.combining import ServerState, read_state, written_state
from securefed.domain.identifiers import Digest
from securefed.domain.server_rule import ServerPlan
from securefed.errors import CheckpointUnusable
from tests.aggregation.combining.plans import LAYOUT, RULES, arrays, averages, plan, start, take

SIZE = 11
PLAN = plan("fed-adam", control=True)


def stored(state: ServerState) -> bytes:
    return b"".join(written_state(state))


def read(data: bytes, chosen: ServerPlan = PLAN, parameters: int = SIZE) -> ServerState:
    return read_state(io.BytesIO(data), chosen, LAYOUT, parameters)


def moved(chosen: ServerPlan, rounds: int) -> ServerState:
    state = start(chosen, SIZE)
    for average in averages(rounds, SIZE):
        take(chosen, state, average)
    return state


@pytest.mark.parametrize("control", [False, True])
@pytest.mark.parametrize("name", RULES)
def test_going_on_from_a_file_is_going_on(name: str, *, control: bool) -> None:
    chosen = plan(name, control=control)
    state = start(chosen, SIZE)
    for average in averages(4, SIZE):
        state = read(stored(state), chosen)
        take(chosen, state, average)
    uninterrupted = moved(chosen, 4)
    assert state.steps == uninterrupted.steps == 4
    assert state.controlled == uninterrupted.controlled == 4 * control
    assert list(state.kept) == list(uninterrupted.kept)
    for one, other in zip(arrays(state), arrays(uninterrupted), strict=True):
        assert one.tobytes() == other.tobytes()


def test_a_model_longer_than_a_slice_is_written_alike_each_time_and_read() -> None:
    chosen, size = plan("server-momentum"), (1 << 18) + 5
    state = start(chosen, size)
    assert stored(state) == stored(state)
    assert len(stored(state)) < 2 * 4 * size + 1000
    assert np.array_equal(read(stored(state), chosen, size).weights, state.weights)


WHOLE = stored(moved(PLAN, 2))


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_wherever_it_is(at: int, by: int) -> None:
    changed = bytearray(WHOLE)
    changed[at] ^= by
    with pytest.raises(CheckpointUnusable):
        read(bytes(changed))


@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(CheckpointUnusable, match=r"cut short|no server state"):
        read(WHOLE[:length])


def test_a_file_that_goes_on_is_refused() -> None:
    with pytest.raises(CheckpointUnusable, match="digest"):
        read(WHOLE + b"\0")


def test_a_file_of_another_plan_layout_or_size_is_refused() -> None:
    with pytest.raises(CheckpointUnusable, match="another plan or model"):
        read(WHOLE, plan("fed-yogi", control=True))
    with pytest.raises(CheckpointUnusable, match="another plan or model"):
        read(WHOLE, parameters=SIZE + 1)
    with pytest.raises(CheckpointUnusable, match="another plan or model"):
        read_state(io.BytesIO(WHOLE), PLAN, Digest("sha256:" + "b" * 64), SIZE)


def test_a_forged_header_of_any_length_is_refused_before_it_is_read() -> None:
    endless = WHOLE[: len("securefed server state 1\n")] + b"\xff\xff\xff\xff" + WHOLE
    with pytest.raises(CheckpointUnusable, match="header is too long"):
        read(endless)


@pytest.mark.parametrize(("name", "value"), [("first", np.nan), ("second", -1.0)])
def test_a_state_that_no_step_makes_is_refused(name: str, value: float) -> None:
    state = moved(PLAN, 1)
    {str(key): array for key, array in state.kept.items()}[name][3] = value
    with pytest.raises(CheckpointUnusable, match=r"finite|below zero"):
        read(stored(state))
