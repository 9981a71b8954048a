"""Weights are whole numbers that a roster can carry, capped, and discounted exactly."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.update import Contributor
from securefed.domain.weighting import FRESH, CappedUnits, EqualWeights, stale_weight
from securefed.errors import NumberInvalid
from tests.aggregation.round_of_sites import roster

units = st.integers(1, 10**9)


@given(units, units)
def test_a_site_counts_by_its_units_up_to_the_cap(cap: int, own: int) -> None:
    weight = CappedUnits(cap=cap).weight(own)
    assert weight == (own if own < cap else cap)
    assert EqualWeights().weight(own) == 1


@given(units, st.integers(0, 10_000))
def test_a_stale_update_weighs_less_by_the_root_of_its_age(weight: int, staleness: int) -> None:
    found = stale_weight(weight, staleness)
    exact = Fraction((weight * FRESH) ** 2, 1 + staleness)
    assert found**2 <= exact < (found + 1) ** 2
    assert stale_weight(weight, 0) == weight * FRESH
    assert stale_weight(weight, 3) == weight * FRESH // 2


def test_however_stale_an_update_is_a_roster_can_carry_it() -> None:
    one = roster(1).contributors[0]
    assert stale_weight(1, 10**9) == 1
    assert Contributor(site=one.site, key=one.key, weight=stale_weight(10**9, 7)).weight > 10**9


@pytest.mark.parametrize("bad", [0, -1, True, 1.0])
def test_no_site_has_no_units(bad: int) -> None:
    for weighting in (EqualWeights(), CappedUnits(cap=5)):
        with pytest.raises(NumberInvalid):
            weighting.weight(bad)
    with pytest.raises(NumberInvalid):
        CappedUnits(cap=bad)
    with pytest.raises(NumberInvalid):
        stale_weight(bad, 0)
    with pytest.raises(NumberInvalid):
        stale_weight(1, -1)
