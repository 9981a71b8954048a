"""Mechanisms, units and losses refuse what has no meaning, and join without losing count."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.privacy import (
    Adjacency,
    DpSgd,
    GaussianRelease,
    LaplaceRelease,
    Mechanism,
    PrivacyLoss,
    PrivacyUnit,
    Sampling,
    gathered,
)
from securefed.errors import ConfigInvalid, NumberInvalid
from tests.domain.strategies import mechanisms

TRAINING = DpSgd(
    noise_multiplier=Decimal("1.1"),
    sampling_rate=Decimal("0.01"),
    sampling=Sampling.POISSON,
    steps=160,
    clip=Decimal(1),
)
COUNTS = GaussianRelease(noise_multiplier=Decimal(5), releases=3)
LOSS = PrivacyLoss(
    epsilon=Decimal(1),
    upper_bound=Decimal(2),
    replace_one=Decimal(3),
    delta=Decimal("1e-6"),
    adjacency=Adjacency.ADD_REMOVE,
    accountant="test",
)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "-1", "0"])
@pytest.mark.parametrize("field", ["noise_multiplier", "sampling_rate", "clip"])
def test_no_parameter_of_training_is_boundless_or_zero(field: str, value: str) -> None:
    with pytest.raises(NumberInvalid):
        replace(TRAINING, **{field: Decimal(value)})


@pytest.mark.parametrize("steps", [0, -1, True, 1.0, 10**12 + 1])
def test_training_takes_a_whole_number_of_steps(steps: int) -> None:
    with pytest.raises(NumberInvalid):
        replace(TRAINING, steps=steps)


def test_a_rate_above_one_is_no_rate() -> None:
    assert replace(TRAINING, sampling_rate=Decimal(1)).sampling_rate == 1
    with pytest.raises(NumberInvalid):
        replace(TRAINING, sampling_rate=Decimal("1.01"))


def test_releases_are_checked_too() -> None:
    with pytest.raises(NumberInvalid):
        replace(COUNTS, releases=0)
    with pytest.raises(NumberInvalid):
        replace(COUNTS, noise_multiplier=Decimal(0))
    with pytest.raises(NumberInvalid):
        LaplaceRelease(scale=Decimal("-1"), releases=1)
    with pytest.raises(NumberInvalid):
        LaplaceRelease(scale=Decimal(1), releases=0)


def test_a_record_is_one_unit_and_a_column_bounds_its_records() -> None:
    assert PrivacyUnit(column="patient", bound=8).bound == 8
    with pytest.raises(ConfigInvalid, match="without a column the bound is 1"):
        PrivacyUnit(column=None, bound=2)
    with pytest.raises(NumberInvalid):
        PrivacyUnit(column="patient", bound=0)


@pytest.mark.parametrize("value", ["NaN", "-0.1", "-Infinity"])
@pytest.mark.parametrize("field", ["epsilon", "upper_bound", "replace_one"])
def test_a_loss_may_be_infinite_but_never_unknown_or_negative(field: str, value: str) -> None:
    assert getattr(replace(LOSS, **{field: Decimal("Infinity")}), field).is_infinite()
    with pytest.raises(ConfigInvalid, match="cannot be"):
        replace(LOSS, **{field: Decimal(value)})


@pytest.mark.parametrize("delta", ["0", "1", "NaN", "-1e-6", "2"])
def test_a_loss_has_a_delta_between_zero_and_one(delta: str) -> None:
    with pytest.raises(NumberInvalid):
        replace(LOSS, delta=Decimal(delta))


@given(st.lists(mechanisms, max_size=6).map(tuple))
def test_gathering_keeps_how_often_each_mechanism_acts(found: tuple[Mechanism, ...]) -> None:
    joined = gathered(found + found)
    singles = [one.repeated(1) for one in joined]
    assert len(set(singles)) == len(singles)
    for single, one in zip(singles, joined, strict=True):
        assert one.times == 2 * sum(each.times for each in found if each.repeated(1) == single)
    assert {one.repeated(1) for one in found} == set(singles)


def test_gathering_tells_mechanisms_apart_by_every_parameter() -> None:
    other = replace(TRAINING, clip=Decimal(2))
    assert gathered((TRAINING, other, COUNTS, TRAINING)) == (
        TRAINING.repeated(320),
        other,
        COUNTS,
    )
