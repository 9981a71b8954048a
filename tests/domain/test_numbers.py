"""Exact numbers: decimals for privacy parameters, whole numbers for counts, nothing between."""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.numbers import (
    count,
    positive,
    probability,
    proportion,
    rounded_up,
)
from securefed.errors import NumberInvalid

CHECKS = [positive, proportion, probability]
HOSTILE = ["NaN", "sNaN", "Infinity", "-Infinity", "-1", "-1e-30", "1e13", "1e-31", "1e999999"]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("text", HOSTILE)
def test_no_privacy_parameter_is_outside_what_can_be_counted(
    check: Callable[[str, Decimal], Decimal], text: str
) -> None:
    with pytest.raises(NumberInvalid, match=r"^epsilon is"):
        check("epsilon", Decimal(text))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("value", [1, True, 0.5, "0.5", None, float("nan"), 0, False, 0.0])
def test_only_an_exact_decimal_is_a_privacy_parameter(
    check: Callable[[str, Decimal], Decimal], value: object
) -> None:
    with pytest.raises(NumberInvalid, match="must be an exact decimal"):
        check("epsilon", cast(Decimal, value))


def test_the_edges_of_each_range() -> None:
    zero, one, over = Decimal(0), Decimal(1), Decimal("1.000000001")
    for edge in ("1e-30", "1e12"):
        assert positive("x", Decimal(edge)) == Decimal(edge)
    assert proportion("x", one) == 1
    assert probability("x", Decimal("0.999999")) < 1
    for check, value in ((positive, zero), (proportion, zero), (proportion, over)):
        with pytest.raises(NumberInvalid):
            check("x", value)
    for value in (zero, one, over):
        with pytest.raises(NumberInvalid):
            probability("x", value)


@pytest.mark.parametrize("value", [True, False, 1.0, Decimal(1), "1", None])
def test_a_count_is_an_int_and_no_bool(value: object) -> None:
    with pytest.raises(NumberInvalid, match="must be a whole number"):
        count("steps", cast(int, value))


def test_a_count_stays_in_its_range() -> None:
    assert count("steps", 1) == 1
    assert count("steps", 0, least=0) == 0
    for value in (0, -1, 10**12 + 1):
        with pytest.raises(NumberInvalid, match="must be between"):
            count("steps", value)


@given(st.floats(min_value=-1e8, max_value=1e8))
def test_rounding_never_makes_a_number_smaller(value: float) -> None:
    rounded = rounded_up(value)
    assert rounded >= Decimal(value)
    assert rounded - Decimal(value) <= abs(Decimal(value)) * Decimal("1e-9") + Decimal("1.1e-12")
    assert math.isclose(float(rounded), value, rel_tol=1e-8, abs_tol=1e-11)
