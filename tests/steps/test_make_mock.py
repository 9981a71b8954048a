"""A mock fits its card whatever is described, and follows from the description alone."""

import csv
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Line
from securefed.domain.mock import MockColumn, MockPlan
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType, Measured
from securefed.errors import ConfigInvalid, NumberInvalid
from securefed.recipes.files.opening import measured
from securefed.steps.make_mock import mock_text

WORDS = (ColumnType.CATEGORY, ColumnType.TEXT, ColumnType.IDENTIFIER)


def column(name: str, kind: ColumnType, **said: object) -> MockColumn:
    described = Column(name=Line(name), type=kind, meaning=Line("Something"))
    return MockColumn(column=described, **said)


PLAN = MockPlan(
    columns=(
        column("patient", ColumnType.IDENTIFIER),
        column("age", ColumnType.INTEGER, range=(Decimal(18), Decimal(110))),
        column("creatinine", ColumnType.DECIMAL, range=(Decimal("0.4"), Decimal("12.5"))),
        column("sex", ColumnType.CATEGORY, values=(Line("female"), Line('male, or "so"'))),
        column("note", ColumnType.TEXT),
        column("order", ColumnType.IDENTIFIER),
        column("back", ColumnType.BOOLEAN),
    ),
    unit=PrivacyUnit(column="patient", bound=3),
    records=300,
)


def rows_of(plan: MockPlan) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(mock_text(plan))))


def measure(plan: MockPlan) -> Measured:
    """The mock as the site's own reader sees it."""
    columns = tuple(one.column for one in plan.columns)
    return measured(BytesIO(mock_text(plan).encode()), Path("mock.csv"), columns, plan.unit)


def test_cells_are_what_was_said_that_they_may_be() -> None:
    rows = rows_of(PLAN)
    assert len(rows) == 300
    ages = {int(row["age"]) for row in rows}
    assert (min(ages) >= 18, max(ages) <= 110, len(ages) > 60) == (True, True, True)
    assert all(Decimal("0.4") <= Decimal(row["creatinine"]) <= Decimal("12.5") for row in rows)
    assert {row["sex"] for row in rows} == {"female", 'male, or "so"'}
    assert {row["back"] for row in rows} == {"true", "false"}
    assert len({row["order"] for row in rows}) == 300


def test_units_have_one_to_as_many_records_as_the_bound() -> None:
    sizes = Counter(row["patient"] for row in rows_of(PLAN))
    assert set(sizes.values()) == {1, 2, 3}
    assert measure(PLAN).units == len(sizes)
    assert rows_of(PLAN)[0]["patient"] == "u0001"


def test_every_part_of_a_description_counts_and_nothing_else() -> None:
    text = mock_text(PLAN)
    assert mock_text(replace(PLAN)) == text
    fewer = replace(PLAN, records=299)
    other_unit = replace(PLAN, unit=PrivacyUnit(column="patient", bound=2))
    wider = replace(PLAN.columns[1], range=(Decimal(18), Decimal(111)))
    other_range = replace(PLAN, columns=(PLAN.columns[0], wider, *PLAN.columns[2:]))
    texts = {mock_text(one) for one in (PLAN, fewer, other_unit, other_range)}
    assert len(texts) == 4


def test_another_process_makes_the_same_mock() -> None:
    code = (
        "from tests.steps.test_make_mock import PLAN, mock_text;"
        "import sys; sys.stdout.write(mock_text(PLAN))"
    )
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, check=True, text=True
    )
    assert digest_of("dataset", ran.stdout.encode()) == measure(PLAN).digest


@some.composite
def columns(draw: some.DrawFn) -> tuple[MockColumn, ...]:
    kinds = draw(some.lists(some.sampled_from(ColumnType), min_size=1, max_size=6))
    return tuple(_described(draw, f"c{place}", kind) for place, kind in enumerate(kinds))


def _described(draw: some.DrawFn, name: str, kind: ColumnType) -> MockColumn:
    words = some.sampled_from(["a", "b,c", 'd"e', "ü", "true", "0"]).map(Line)
    places = 9 if kind is ColumnType.DECIMAL else 0
    ends = some.decimals(-(10**12), 10**12, places=places)
    if kind in WORDS:
        return column(name, kind, values=tuple(draw(some.lists(words, max_size=3, unique=True))))
    if kind is ColumnType.BOOLEAN:
        return column(name, kind)
    pair = draw(some.none() | some.tuples(ends, ends).map(sorted).map(tuple))
    return column(name, kind, range=pair)


@given(columns=columns(), bound=some.integers(1, 10**12), records=some.integers(2, 30))
@pytest.mark.parametrize("by_column", [False, True])
def test_any_mock_is_a_data_file_of_its_card(
    columns: tuple[MockColumn, ...], bound: int, records: int, by_column: bool
) -> None:
    unit = PrivacyUnit(column=None, bound=1)
    if by_column:
        unit = PrivacyUnit(column=columns[0].column.name, bound=bound)
    plan = MockPlan(columns=columns, unit=unit, records=records)
    assert measure(plan).records == records
    for one in columns:
        cells = [row[one.column.name] for row in rows_of(plan)]
        if one.range is not None:
            assert all(one.range[0] <= Decimal(cell) <= one.range[1] for cell in cells)
        if one.values:
            assert set(cells) <= set(one.values)


NOT_DESCRIBED = {
    "a range of words": (ColumnType.TEXT, {"range": (Decimal(1), Decimal(2))}, "is for numbers"),
    "values of a number": (ColumnType.INTEGER, {"values": (Line("1"),)}, "are for words"),
    "a value twice": (ColumnType.CATEGORY, {"values": (Line("a"), Line("a"))}, "stands twice"),
    "backwards": (ColumnType.DECIMAL, {"range": (Decimal(2), Decimal(1))}, "above its end"),
    "half a year": (ColumnType.INTEGER, {"range": (Decimal("0.5"), Decimal(1))}, "not whole"),
    "too large": (ColumnType.DECIMAL, {"range": (Decimal(0), Decimal("1e13"))}, "too large"),
    "too fine": (ColumnType.DECIMAL, {"range": (Decimal("1e-10"), Decimal(1))}, "too fine"),
    "infinite": (ColumnType.DECIMAL, {"range": (Decimal("-Infinity"), Decimal(1))}, "too large"),
    "no number": (ColumnType.DECIMAL, {"range": (Decimal("NaN"), Decimal(1))}, "too large"),
}


@pytest.mark.parametrize("story", NOT_DESCRIBED)
def test_what_describes_no_column_is_refused(story: str) -> None:
    kind, said, reason = NOT_DESCRIBED[story]
    with pytest.raises(ConfigInvalid, match=reason):
        column("age", kind, **said)


@pytest.mark.parametrize("records", [1, 100_001])
def test_a_mock_has_two_records_at_least_and_is_small(records: int) -> None:
    with pytest.raises(NumberInvalid, match="records of a mock"):
        replace(PLAN, records=records)
