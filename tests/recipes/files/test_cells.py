"""Which texts are values, and of which kind; a number is finite or it is none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from securefed.domain.site import ColumnType
from securefed.recipes.files.cells import FORMS, LONGEST_CELL
from securefed.recipes.records import Cell


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        (ColumnType.INTEGER, "+007", 7),
        (ColumnType.INTEGER, "-" + "9" * 18, -(10**18 - 1)),
        (ColumnType.DECIMAL, "7", 7.0),
        (ColumnType.DECIMAL, "-.5e-3", -0.0005),
        (ColumnType.DECIMAL, "1e308", 1e308),
        (ColumnType.DECIMAL, "1e-999", 0.0),
        (ColumnType.BOOLEAN, "1", True),
        (ColumnType.BOOLEAN, "false", False),
        (ColumnType.CATEGORY, "007", "007"),
        (ColumnType.IDENTIFIER, "x" * 200, "x" * 200),
        (ColumnType.TEXT, " \n", " \n"),
        (ColumnType.TEXT, "x" * LONGEST_CELL, "x" * LONGEST_CELL),
    ],
)
def test_a_cell_has_a_value_of_its_type(kind: ColumnType, cell: str, value: Cell) -> None:
    assert FORMS[kind].fits(cell)
    assert FORMS[kind].value_of(cell) == value
    assert type(FORMS[kind].value_of(cell)) is type(value)


@pytest.mark.parametrize("kind", ColumnType)
def test_an_empty_cell_is_a_missing_value(kind: ColumnType) -> None:
    assert FORMS[kind].fits("")
    assert FORMS[kind].value_of("") is None


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        (ColumnType.INTEGER, "1" * 19),
        (ColumnType.INTEGER, "1_0"),
        (ColumnType.INTEGER, "7\n"),
        (ColumnType.DECIMAL, "1e309"),
        (ColumnType.DECIMAL, "-1e999"),
        (ColumnType.DECIMAL, "9" * 18 + "e292"),
        (ColumnType.DECIMAL, "infinity"),
        (ColumnType.DECIMAL, "0x1p3"),
        (ColumnType.DECIMAL, "1_0.5"),
        (ColumnType.BOOLEAN, "True"),
        (ColumnType.CATEGORY, " x"),
        (ColumnType.CATEGORY, "x" * 201),
        (ColumnType.IDENTIFIER, "x\ny"),
        (ColumnType.TEXT, "a\0b"),
        (ColumnType.TEXT, "x" * (LONGEST_CELL + 1)),
    ],
)
def test_what_is_no_value_does_not_fit(kind: ColumnType, cell: str) -> None:
    assert not FORMS[kind].fits(cell)


@given(number=some.floats(allow_nan=False, allow_infinity=False))
def test_every_double_that_is_written_shortly_is_read_exactly(number: float) -> None:
    form = FORMS[ColumnType.DECIMAL]
    written = f"{number:.16e}"
    assert form.fits(written)
    assert form.value_of(written) == number


@given(cell=some.text(some.sampled_from("0123456789.eE+-"), max_size=12))
def test_what_fits_is_a_finite_number(cell: str) -> None:
    form = FORMS[ColumnType.DECIMAL]
    value = form.value_of(cell) if form.fits(cell) else None
    assert value is None or math.isfinite(float(value))
