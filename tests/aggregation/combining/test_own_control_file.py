"""A site's own control variate comes back to the bit, or not at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.aggregation.combining.control import OwnControl, Pending
from securefed.aggregation.combining.own_control_file import read_own, written_own
from securefed.errors import ControlUnfit

SIZE = 3
WAITS = Pending(values=np.array([4, 5, -6], np.float32), round=7)
OWN = OwnControl(values=np.array([1, -2, 0.1], np.float32), round=5, pending=WAITS)
WHOLE = written_own(OWN)


def test_what_is_read_is_what_was_written() -> None:
    found = read_own(WHOLE, SIZE)
    assert found.round == 5
    assert np.array_equal(found.values, OWN.values)
    assert found.pending is not None
    assert found.pending.round == 7
    assert np.array_equal(found.pending.values, WAITS.values)
    settled = read_own(written_own(OWN.as_of(7)), SIZE)
    assert (settled.round, settled.pending) == (7, None)
    assert np.array_equal(settled.values, WAITS.values)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_wherever_it_is(at: int, by: int) -> None:
    changed = bytearray(WHOLE)
    changed[at] ^= by
    with pytest.raises(ControlUnfit):
        read_own(bytes(changed), SIZE)


@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ControlUnfit):
        read_own(WHOLE[:length], SIZE)


def test_a_file_of_another_model_or_without_numbers_is_refused() -> None:
    with pytest.raises(ControlUnfit, match="another model"):
        read_own(WHOLE, SIZE + 1)
    spoiled = OwnControl(values=np.array([1, np.nan, 0], np.float32), round=5)
    with pytest.raises(ControlUnfit, match="finite"):
        read_own(written_own(spoiled), SIZE)
