"""Sites, accounts and data cards refuse what contradicts itself."""

from dataclasses import replace

import pytest

from securefed.domain.identifiers import Line
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType, Role
from securefed.errors import ConfigInvalid, NumberInvalid
from tests.world import OWNER, REVIEWER, SCIENTIST, World

CARD = World().card()


def test_an_account_has_roles_and_each_once() -> None:
    account = World().account(OWNER, Role.OWNER)
    for roles in ((), (Role.OWNER, Role.OWNER)):
        with pytest.raises(ConfigInvalid, match="at least one role"):
            replace(account, roles=roles)


def test_owners_and_reviewers_review_and_scientists_do_not() -> None:
    world = World()
    assert world.account(OWNER, Role.OWNER).reviews
    assert world.account(REVIEWER, Role.REVIEWER).reviews
    assert not world.account(SCIENTIST, Role.SCIENTIST).reviews


def test_a_card_has_columns_and_each_once() -> None:
    for columns in ((), (CARD.columns[0], CARD.columns[0])):
        with pytest.raises(ConfigInvalid, match="at least one column"):
            replace(CARD, columns=columns)


def test_the_unit_is_a_column_of_the_card_or_the_record() -> None:
    with pytest.raises(ConfigInvalid, match="'ward' is not among the columns"):
        replace(CARD, unit=PrivacyUnit(column="ward", bound=8))
    ward = Column(name=Line("ward"), type=ColumnType.CATEGORY, meaning=Line("Ward"))
    unit = PrivacyUnit(column="ward", bound=8)
    assert replace(CARD, columns=(*CARD.columns, ward), unit=unit).unit == unit
    assert replace(CARD, unit=PrivacyUnit(column=None, bound=1)).unit.column is None


def test_a_card_has_no_more_units_than_records_and_names_a_purpose() -> None:
    assert replace(CARD, units=CARD.records).units == CARD.records
    for change in ({"units": CARD.records + 1}, {"units": 0}, {"records": 0}, {"version": 0}):
        with pytest.raises(NumberInvalid):
            replace(CARD, **change)
    with pytest.raises(ConfigInvalid, match="at least one purpose"):
        replace(CARD, purposes=())
