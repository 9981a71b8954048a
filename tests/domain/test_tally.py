"""A tally says what gathering everything anew would say, whatever was added and taken away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.privacy import Mechanism, gathered
from securefed.domain.tally import Tally
from tests.domain.strategies import mechanisms

jobs = st.lists(st.lists(mechanisms, max_size=3).map(tuple), max_size=4)


@given(kept=jobs, taken=jobs)
def test_what_was_taken_away_is_as_if_it_had_never_been_there(
    kept: list[tuple[Mechanism, ...]], taken: list[tuple[Mechanism, ...]]
) -> None:
    tally = Tally()
    for job in (*taken, *kept):
        tally.add(job)
    for job in taken:
        tally.take(job)
    assert set(tally.mechanisms()) == set(gathered(tuple(one for job in kept for one in job)))


@given(mechanisms)
def test_more_than_was_added_is_not_taken(mechanism: Mechanism) -> None:
    tally = Tally()
    tally.add([mechanism])
    with pytest.raises(ValueError, match="never added so often"):
        tally.take([mechanism.repeated(mechanism.times + 1)])
    assert tally.mechanisms() == (mechanism,)
