"""An allowance is exact, has room at its order, and caps each account by its share."""

from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.domain.allowance import RequesterShare, allowance
from securefed.domain.identifiers import AccountId
from securefed.domain.renyi import budget_at
from securefed.errors import AllowanceInvalid, NumberInvalid
from tests.world import ADMISSIONS, OTHER_SCIENTIST, SCIENTIST

THREE = allowance(ADMISSIONS, Decimal(3), Decimal("1e-6"))


def test_an_allowance_is_a_divergence_at_its_order() -> None:
    assert THREE.order == 7
    assert THREE.cap == budget_at(7, Decimal(3), Decimal("1e-6")) > 1


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "-1", "0"])
def test_an_epsilon_or_delta_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(NumberInvalid):
        allowance(ADMISSIONS, Decimal(value), Decimal("1e-6"))
    with pytest.raises(NumberInvalid):
        allowance(ADMISSIONS, Decimal(3), Decimal(value))
    with pytest.raises(NumberInvalid):
        RequesterShare(account=SCIENTIST, epsilon=Decimal(value))
    with pytest.raises(NumberInvalid):
        replace(THREE, epsilon=Decimal(value))


@pytest.mark.parametrize("order", [1, 0, -7, 65, 10**6])
def test_an_order_that_the_filter_does_not_know_is_refused(order: int) -> None:
    with pytest.raises(AllowanceInvalid, match="not among those"):
        replace(THREE, order=order)


def test_an_order_or_a_share_without_room_is_refused() -> None:
    with pytest.raises(AllowanceInvalid, match="leaves nothing to spend at order 2"):
        replace(THREE, order=2)
    share = RequesterShare(account=SCIENTIST, epsilon=Decimal("0.1"))
    with pytest.raises(AllowanceInvalid, match=r"ε=0\.1"):
        replace(THREE, shares=(share,))


def test_shares_are_sorted_and_each_stands_once() -> None:
    one, two = (RequesterShare(account=AccountId(name), epsilon=Decimal(2)) for name in ("a", "b"))
    assert allowance(ADMISSIONS, Decimal(3), Decimal("1e-6"), shares=(two, one)).shares == (
        one,
        two,
    )
    for shares in ((two, one), (one, one)):
        with pytest.raises(AllowanceInvalid, match="sorted by account"):
            replace(THREE, shares=shares)


def test_a_share_is_a_second_lower_cap() -> None:
    small, large = Decimal("2.5"), Decimal(9)
    shares = (
        RequesterShare(account=SCIENTIST, epsilon=small),
        RequesterShare(account=OTHER_SCIENTIST, epsilon=large),
    )
    shared = replace(THREE, shares=shares)
    assert shared.cap_for(SCIENTIST) == budget_at(7, small, THREE.delta)
    assert shared.cap_for(OTHER_SCIENTIST) == shared.cap_for(AccountId("eve")) == THREE.cap
