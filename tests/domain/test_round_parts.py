"""How the wait for a site divides: by what it says, and only within what was waited."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from securefed.domain.errand import LONGEST_PART_MS, Spent
from securefed.domain.round_parts import Part, told_cut, waited
from securefed.errors import NumberInvalid

milliseconds = some.integers(0, LONGEST_PART_MS)


def test_what_a_site_says_is_taken_and_the_rest_is_the_wait() -> None:
    found = waited(5.0, Spent(start=500, train=3000, seal=250, upload=250))
    assert found == {
        **{Part.START: 0.5, Part.TRAIN: 3.0, Part.SEAL: 0.25, Part.UPLOAD: 0.25},
        Part.WAIT: 1.0,
    }
    assert waited(5.0, None) == {Part.WAIT: 5.0}


@given(
    some.floats(0, 1e6),
    some.builds(
        Spent, start=milliseconds, train=milliseconds, seal=milliseconds, upload=milliseconds
    ),
)
def test_whatever_a_site_says_the_parts_make_up_the_wait(seconds: float, spent: Spent) -> None:
    found = waited(seconds, spent)
    assert min(found.values()) >= 0
    assert sum(found.values()) == pytest.approx(seconds)


@pytest.mark.parametrize("said", [-1, LONGEST_PART_MS + 1, True, 0.5])
def test_a_time_that_is_none_is_refused(said: int) -> None:
    with pytest.raises(NumberInvalid):
        Spent(start=0, train=said, seal=0, upload=0)


def test_values_that_were_cut_are_told_and_none_is_not() -> None:
    assert told_cut(0) == ""
    assert told_cut(12_345) == "12,345 values were cut to the seal's reach"
