"""The four hospitals' rows: FLamby's split, nobody in two parts, nothing that was not measured."""

import csv
from pathlib import Path

import pytest

from benchmarks.worlds.workload_cases import published
from securefed.adapters.published_data.heart import (
    HOSPITALS,
    ORIGIN,
    hospital_rows,
    write_heart,
)
from securefed.errors import DataUnreadable, NotFound


@pytest.fixture(scope="module")
def source() -> Path:
    try:
        return ORIGIN.checked(published())
    except NotFound as error:
        pytest.skip(str(error))


def test_the_split_is_flambys(source: Path) -> None:
    parts = [hospital_rows(source, name) for name in HOSPITALS]
    assert [len(trained) for trained, _ in parts] == [199, 172, 30, 85]
    assert [len(tested) for _, tested in parts] == [104, 89, 16, 45]


def test_what_is_written(source: Path, tmp_path: Path) -> None:
    write_heart(source, tmp_path)
    found = {}
    for name in (*HOSPITALS, "test"):
        with (tmp_path / f"{name}.csv").open(newline="") as file:
            found[name] = list(csv.DictReader(file))
    assert sum(map(len, found.values())) == 740
    ill = sum(row["disease"] == "true" for row in found["test"])
    assert (len(found["test"]), ill) == (254, 131)
    # Nobody's cholesterol was measured there; elsewhere nearly everybody's.
    assert {row["chol"] for row in found["switzerland"]} == {""}
    assert all(row["chol"] != "0" for rows in found.values() for row in rows)
    assert sum(row["chol"] == "" for row in found["cleveland"]) == 0


def test_a_line_with_other_columns_is_named(tmp_path: Path) -> None:
    (tmp_path / "processed.va.data").write_text("63,1,1\n")
    with pytest.raises(DataUnreadable, match="Line 1"):
        hospital_rows(tmp_path, "va")
