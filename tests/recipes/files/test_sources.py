"""What every source does: the records of a file, whatever its form, by number and by unit."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from securefed.adapters.data_files import FileMeter
from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Line
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType
from securefed.errors import DataUnreadable
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.files.opening import open_source
from securefed.recipes.files.source import RecordSource
from securefed.recipes.records import Records
from tests.recipes.files.tables import (
    COLUMNS,
    PATIENT,
    RECORD,
    ROWS,
    Rows,
    write_csv,
    write_parquet,
)

Open = Callable[[Path, Rows, PrivacyUnit], RecordSource]


def from_csv(folder: Path, rows: Rows, unit: PrivacyUnit) -> RecordSource:
    return open_source(write_csv(folder / "data.csv", rows), COLUMNS, unit)


def from_parquet(folder: Path, rows: Rows, unit: PrivacyUnit) -> RecordSource:
    return open_source(write_parquet(folder / "data.parquet", rows), COLUMNS, unit, folder)


def from_memory(folder: Path, rows: Rows, unit: PrivacyUnit) -> RecordSource:
    cells = list(zip(*rows, strict=True))
    named = {str(one.name): cells[place] for place, one in enumerate(COLUMNS)}
    return MemorySource(Records(columns=named, folder=folder), COLUMNS, unit)


@pytest.fixture(params=[from_csv, from_parquet, from_memory])
def opened(request: pytest.FixtureRequest) -> Open:
    return request.param


def rows_of(records: Records) -> list[tuple]:
    return list(zip(*(records.columns[column.name] for column in COLUMNS), strict=True))


def test_records_come_in_the_order_that_was_asked_for(opened: Open, tmp_path: Path) -> None:
    with opened(tmp_path, ROWS, RECORD) as source:
        taken = source.take(np.array([4, 0, 2, 2, 1, 3]))
        assert rows_of(taken) == [ROWS[place] for place in (4, 0, 2, 2, 1, 3)]
        assert taken.folder == tmp_path
        assert [type(cell) for cell in rows_of(taken)[1]] == [str, int, float, bool, str, str]


def test_no_records_are_no_records(opened: Open, tmp_path: Path) -> None:
    with opened(tmp_path, ROWS, RECORD) as source:
        taken = source.take(np.array([], np.int64))
    assert len(taken) == 0
    assert set(taken.columns) == {str(column.name) for column in COLUMNS}


def test_units_are_counted_in_order_of_first_appearance(opened: Open, tmp_path: Path) -> None:
    with opened(tmp_path, ROWS, PATIENT) as source:
        assert (source.records, source.units) == (5, 3)
        assert [source.of_unit(unit).tolist() for unit in range(3)] == [[0, 2, 4], [1], [3]]


def test_without_a_column_each_record_is_a_unit(opened: Open, tmp_path: Path) -> None:
    with opened(tmp_path, ROWS, RECORD) as source:
        assert (source.records, source.units) == (5, 5)
        assert [source.of_unit(unit).tolist() for unit in range(5)] == [[0], [1], [2], [3], [4]]


@pytest.mark.parametrize("form", [from_csv, from_parquet])
@pytest.mark.parametrize("number", [-1, 5])
def test_a_number_without_a_record_is_a_mistake(form: Open, number: int, tmp_path: Path) -> None:
    with form(tmp_path, ROWS, RECORD) as source:
        with pytest.raises(IndexError):
            source.take(np.array([0, number]))
        with pytest.raises(IndexError):
            source.of_unit(number)


@pytest.mark.parametrize(("form", "name"), [(from_csv, "data.csv"), (from_parquet, "data.parquet")])
@pytest.mark.parametrize("unit", [RECORD, PATIENT])
def test_the_meter_and_the_source_agree(
    form: Open, name: str, unit: PrivacyUnit, tmp_path: Path
) -> None:
    with form(tmp_path, ROWS, unit) as source:
        measured = FileMeter().measure(tmp_path / name, COLUMNS, unit)
        assert source.digest == digest_of("dataset", (tmp_path / name).read_bytes())
        found = (source.records, source.units, source.digest)
    assert found == (measured.records, measured.units, measured.digest)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (ColumnType.INTEGER, "7", "007"),
        (ColumnType.INTEGER, "0", "-0"),
        (ColumnType.DECIMAL, "0.5", "5e-1"),
        (ColumnType.DECIMAL, "0", "-0.0"),
        (ColumnType.BOOLEAN, "1", "true"),
    ],
)
def test_two_spellings_of_a_value_are_one_unit(
    kind: ColumnType, one: str, other: str, tmp_path: Path
) -> None:
    path = tmp_path / "data.csv"
    path.write_text(f"ward,x\n{one},1\n{other},2\n")
    columns = (
        Column(name=Line("ward"), type=kind, meaning=Line("A ward")),
        Column(name=Line("x"), type=ColumnType.DECIMAL, meaning=Line("A value")),
    )
    unit = PrivacyUnit(column="ward", bound=9)
    with open_source(path, columns, unit) as source:
        assert source.units == FileMeter().measure(path, columns, unit).units == 1
        assert source.of_unit(0).tolist() == [0, 1]


@pytest.mark.parametrize("name", ["data.txt", "data", "data.csv.gz", "csv"])
def test_what_a_suffix_does_not_say_is_not_guessed(name: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / name, ROWS)
    with pytest.raises(DataUnreadable, match=r"ends with \.csv or \.parquet"):
        open_source(path, COLUMNS, RECORD)


def test_the_case_of_a_suffix_does_not_matter(tmp_path: Path) -> None:
    with open_source(write_csv(tmp_path / "DATA.CSV", ROWS), COLUMNS, RECORD) as source:
        assert source.records == 5


TEXT = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
ANY_ROW = some.tuples(
    some.sampled_from(["p1", "p2", "ü", '"', "a,b"]),
    some.none() | some.integers(-(2**15), 2**15 - 1),
    some.none() | some.integers(-(2**50), 2**50).map(lambda number: number / 1024),
    some.none() | some.booleans(),
    some.sampled_from([None, "A", "B, C", '"D"', "é"]),
    some.none() | TEXT.filter(bool),
)


@pytest.mark.parametrize("form", [from_csv, from_parquet])
@given(rows=some.lists(ANY_ROW, min_size=2, max_size=12), chance=some.randoms())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
def test_what_is_written_is_read(form: Open, tmp_path: Path, rows: list, chance: Random) -> None:
    numbers = [chance.randrange(len(rows)) for _ in range(6)]
    with form(tmp_path, rows, PATIENT) as source:
        assert rows_of(source.take(np.array(numbers))) == [rows[number] for number in numbers]
        for unit in range(source.units):
            assert len({rows[number][0] for number in source.of_unit(unit)}) == 1
