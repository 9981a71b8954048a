"""Memory grows with records and units, by some bytes each, and not with what the file holds."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from securefed.domain.privacy import PrivacyUnit
from securefed.recipes.files.opening import open_source
from tests.recipes.files.tables import COLUMNS, RECORD, SCHEMA

pytestmark = pytest.mark.slow

RECORDS, PATIENTS = 24_000, 3_000
# Multiplied by the records, some 30 MB.
NOTE = ("Nothing of note, " * 40 + "\n") * 2
MEGABYTE = 2**20


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def write_large_csv(path: Path, records: int) -> Path:
    with path.open("w") as stream:
        stream.write(",".join(SCHEMA.names) + "\n")
        for number in range(records):
            stream.write(f'p{number % PATIENTS},40,70.5,true,A,"{NOTE}{number}"\n')
    return path


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(
    ("unit", "kept", "needed"),
    [
        (RECORD, 8 * RECORDS, 24 * RECORDS),
        (
            PrivacyUnit(column="patient", bound=4),
            16 * RECORDS + 8 * PATIENTS,
            60 * RECORDS + 300 * PATIENTS,
        ),
    ],
)
def test_a_large_csv_is_not_held(unit: PrivacyUnit, kept: int, needed: int, tmp_path: Path) -> None:
    path = write_large_csv(tmp_path / "data.csv", RECORDS)
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    with open_source(path, COLUMNS, unit) as source:
        now, peak = tracemalloc.get_traced_memory()
        assert path.stat().st_size > 30_000_000
        assert now - before < kept * 9 / 8 + MEGABYTE / 4
        assert peak - before < needed + MEGABYTE
        notes = source.take(np.array([0, RECORDS - 1])).columns["note"]
    assert [str(note)[len(NOTE) :] for note in notes] == ["0", str(RECORDS - 1)]


def test_a_large_parquet_file_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    with pq.ParquetWriter(path, SCHEMA, compression="none", use_dictionary=False) as writer:
        for start in range(0, RECORDS, 1000):
            cells = [
                *([f"p{number % PATIENTS}" for number in range(start, start + 1000)], [1] * 1000),
                *([0.5] * 1000, [True] * 1000, ["A"] * 1000),
                [f"{NOTE}{number}" for number in range(start, start + 1000)],
            ]
            writer.write_table(pa.table(dict(zip(SCHEMA.names, cells, strict=True)), SCHEMA))
    assert path.stat().st_size > 30_000_000
    plain = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(plain)
    pa.set_memory_pool(pool)
    try:
        with open_source(path, COLUMNS, PrivacyUnit(column="patient", bound=4), tmp_path) as source:
            notes = source.take(np.array([7, RECORDS - 1])).columns["note"]
            assert pool.bytes_allocated() < MEGABYTE
    finally:
        pa.set_memory_pool(plain)
    assert [str(note)[len(NOTE) :] for note in notes] == ["7", str(RECORDS - 1)]
    assert 0 < pool.max_memory() < 10 * MEGABYTE


def test_a_unit_with_nearly_all_records_is_found_at_once(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    records = 200_000
    path.write_text("patient\n" + "p1\n" * (records - 1) + "p2\n")
    with open_source(path, COLUMNS[:1], PrivacyUnit(column="patient", bound=4)) as source:
        assert source.units == 2
        crowd = source.of_unit(0)
        assert len(crowd) == records - 1
        # A view, nothing that was made for the asking.
        assert np.shares_memory(crowd, source.of_unit(0))
        assert source.of_unit(1).tolist() == [records - 1]
        assert source.take(crowd[-3:]).columns["patient"] == ("p1",) * 3
