"""Weights are whole numbers that a roster can carry, and capped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.weighting import CappedUnits, EqualWeights
from securefed.errors import NumberInvalid

units = st.integers(1, 10**9)


@given(units, units)
def test_a_site_counts_by_its_units_up_to_the_cap(cap: int, own: int) -> None:
    weight = CappedUnits(cap=cap).weight(own)
    assert weight == (own if own < cap else cap)
    assert EqualWeights().weight(own) == 1


@pytest.mark.parametrize("bad", [0, -1, True, 1.0])
def test_no_site_has_no_units(bad: int) -> None:
    for weighting in (EqualWeights(), CappedUnits(cap=5)):
        with pytest.raises(NumberInvalid):
            weighting.weight(bad)
    with pytest.raises(NumberInvalid):
        CappedUnits(cap=bad)
