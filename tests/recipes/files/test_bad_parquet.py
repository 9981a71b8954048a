"""What is wrong with a Parquet file is said by place, and nothing that it holds is told."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from securefed.adapters.data_files import FileMeter, MemoryMeter
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import ColumnType
from securefed.errors import DataUnreadable, StorageFailed
from securefed.recipes.files.opening import measured, open_source
from tests.recipes.files.tables import (
    COLUMNS,
    PATIENT,
    RECORD,
    ROWS,
    SCHEMA,
    SECRET,
    everything_of,
    write_parquet,
)


def with_cell(column: str, *cells: object, kind: pa.DataType | None = None) -> pa.Table:
    """Records that are good but for one column."""
    table = pa.Table.from_pylist(
        [dict(zip(SCHEMA.names, ROWS[0], strict=True))] * len(cells), schema=SCHEMA
    )
    place = SCHEMA.names.index(column)
    made = pa.array(cells, kind or SCHEMA.field(column).type)
    return table.set_column(place, column, made)


GOOD = with_cell("age", 1, 2, 3)
BROKEN_TEXT = pa.array([b"ok", SECRET.encode() + b"\xfc"]).view(pa.string())

BAD: dict[str, tuple[pa.Table, str, str]] = {
    "no records": (GOOD.slice(0, 0), "at least two records", "file.parquet"),
    "one record": (GOOD.slice(0, 1), "at least two records", "file.parquet"),
    "column missing": (GOOD.drop_columns(["note"]), "column 6 to be 'note'", "file.parquet"),
    "column extra": (
        GOOD.append_column(SECRET, pa.array([1, 2, 3])),
        "6 columns, not 7",
        "file.parquet",
    ),
    "columns turned": (
        GOOD.select(["patient", "weight", "age", "smoker", "ward", "note"]),
        "column 2 to be 'age'",
        "file.parquet",
    ),
    "column renamed": (
        GOOD.rename_columns([SECRET, *SCHEMA.names[1:]]),
        "column 1 to be 'patient'",
        "file.parquet",
    ),
    "age text": (
        with_cell("age", SECRET, SECRET, kind=pa.string()),
        "integers of at most 63 bits, not string",
        "column 'age'",
    ),
    "age double": (
        with_cell("age", 1.0, 2.0, kind=pa.float64()),
        "integers of at most 63 bits, not double",
        "column 'age'",
    ),
    "age large": (with_cell("age", 1, 2, kind=pa.uint64()), "not uint64", "column 'age'"),
    "weight integer": (
        with_cell("weight", 1, 2, kind=pa.int64()),
        "float or double, not int64",
        "column 'weight'",
    ),
    "weight nan": (
        with_cell("weight", 1.0, float("nan")),
        "a decimal number",
        "records 1 to 2, column 'weight'",
    ),
    "weight inf": (
        with_cell("weight", 1.0, float("-inf"), kind=pa.float32()),
        "a decimal number",
        "records 1 to 2, column 'weight'",
    ),
    "smoker integer": (
        with_cell("smoker", 0, 1, kind=pa.int8()),
        "bool, not int8",
        "column 'smoker'",
    ),
    "ward double": (
        with_cell("ward", 1.0, 2.0, kind=pa.float64()),
        "string or integers, not double",
        "column 'ward'",
    ),
    "ward of lines": (with_cell("ward", "A", f"{SECRET}\n"), "one line", "column 'ward'"),
    "ward long": (with_cell("ward", "A", SECRET * 20), "at most 200", "column 'ward'"),
    "ward nested": (
        with_cell("ward", [SECRET], ["A"], kind=pa.list_(pa.string())),
        "string or integers, not a nested type",
        "column 'ward'",
    ),
    "ward a struct": (
        with_cell("ward", {SECRET: 1}, {SECRET: 2}, kind=pa.struct([(SECRET, pa.int8())])),
        "not a nested type",
        "column 'ward'",
    ),
    "note binary": (
        with_cell("note", b"a", SECRET.encode(), kind=pa.binary()),
        "string, not binary",
        "column 'note'",
    ),
    "note not UTF-8": (
        with_cell("note", "a", "b").set_column(5, "note", BROKEN_TEXT),
        "UTF-8",
        "records 1 to 2, column 'note'",
    ),
    "note with NUL": (with_cell("note", "a", f"{SECRET}\0"), "text of", "column 'note'"),
    "note long": (with_cell("note", "a", SECRET * 9000), "at most 131,072", "column 'note'"),
    "unit missing": (
        with_cell("patient", "p1", None),
        "a privacy unit",
        "records 1 to 2, column 'patient'",
    ),
    "unit empty": (with_cell("patient", "p1", ""), "a privacy unit", "column 'patient'"),
}


def bytes_of(table: pa.Table, **options: object) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize("story", BAD)
def test_a_bad_file_is_refused_without_a_word_of_it(story: str, tmp_path: Path) -> None:
    table, reason, place = BAD[story]
    path = tmp_path / "file.parquet"
    path.write_bytes(bytes_of(table))
    for read in (open_source, FileMeter().measure, MemoryMeter({path: path.read_bytes()}).measure):
        with pytest.raises(DataUnreadable) as caught:
            read(path, COLUMNS, PATIENT)
        assert reason in caught.value.what
        assert caught.value.where.endswith(place)
        assert SECRET not in everything_of(caught.value)


def test_a_unit_of_spaces_is_none() -> None:
    unit = PrivacyUnit(column="note", bound=1)
    with pytest.raises(DataUnreadable, match="a privacy unit"):
        measured(
            io.BytesIO(bytes_of(with_cell("note", "a", "  "))), Path("x.parquet"), COLUMNS, unit
        )


@pytest.mark.parametrize(
    ("column", "cells", "kind", "read"),
    [
        ("patient", [7, 8, 7], pa.int64(), ["7", "8", "7"]),
        ("patient", ["a", "b", "a"], pa.dictionary(pa.int8(), pa.string()), ["a", "b", "a"]),
        ("ward", ["A", None, ""], pa.large_string(), ["A", None, None]),
        ("ward", [1, None, -2], pa.int8(), ["1", None, "-2"]),
        ("age", [1, None, 2**32 - 1], pa.uint32(), [1, None, 2**32 - 1]),
        ("age", [-(2**63), 0, 2**63 - 1], pa.int64(), [-(2**63), 0, 2**63 - 1]),
        ("weight", [0.5, None, -2.0], pa.float32(), [0.5, None, -2.0]),
    ],
)
def test_types_that_fit_are_read_as_the_cards(
    column: str, cells: list, kind: pa.DataType, read: list, tmp_path: Path
) -> None:
    path = tmp_path / "file.parquet"
    path.write_bytes(bytes_of(with_cell(column, *cells, kind=kind)))
    with open_source(path, COLUMNS, PATIENT) as source:
        taken = source.take(np.arange(3)).columns[column]
    assert list(taken) == read
    assert [type(cell) for cell in taken] == [type(cell) for cell in read]


def cut(data: bytes) -> bytes:
    return data[:-20]


def headless(data: bytes) -> bytes:
    return data[20:]


def hollow(data: bytes) -> bytes:
    return data[:4] + bytes(len(data) // 2) + data[4 + len(data) // 2 :]


@pytest.mark.parametrize(
    "spoil", [cut, headless, hollow, lambda _: b"", lambda _: b"PAR1PAR1", lambda _: b"a,b\n1,2\n"]
)
def test_a_damaged_file_is_refused(spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    path.write_bytes(spoil(bytes_of(with_cell("note", *[SECRET] * 50))))
    with pytest.raises(DataUnreadable, match="Expected"):
        open_source(path, COLUMNS, RECORD)


def test_flipped_bytes_are_read_or_refused() -> None:
    chance = Random(1)
    good = bytes_of(with_cell("note", *[SECRET] * 50), compression="none")
    told = []
    for _ in range(150):
        data = bytearray(good)
        data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            found = measured(io.BytesIO(bytes(data)), Path("x.parquet"), COLUMNS, PATIENT)
            assert found.records >= 2
        except DataUnreadable as error:
            told.append(everything_of(error))
    assert told
    assert [text for text in told if SECRET in text] == []


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("folder.parquet", "folder.csv", "pipe.csv", "missing.csv", "missing.parquet"):
        with pytest.raises(DataUnreadable, match="Expected a file"):
            open_source(tmp_path / name, COLUMNS, RECORD)


def test_the_copy_has_no_name_and_no_reader_but_us(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "data.parquet", ROWS)
    room = tmp_path / "room"
    room.mkdir()
    with open_source(path, COLUMNS, RECORD, room) as source:
        assert list(room.iterdir()) == []
        assert len(source.take(np.array([1, 2]))) == 2


def test_without_room_for_the_copy_nothing_is_opened(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "data.parquet", ROWS)
    with pytest.raises(StorageFailed, match="temporary copy") as caught:
        open_source(path, COLUMNS, RECORD, tmp_path / "nowhere")
    assert caught.value.where == str(tmp_path / "nowhere")


def test_every_type_of_column_has_types_of_parquet() -> None:
    assert {column.type for column in COLUMNS} == set(ColumnType)
