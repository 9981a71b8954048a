"""A file that changes after it was opened, by accident or with care, is not read any more."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from securefed.errors import DataDrifted
from securefed.recipes.files.csv_source import CsvSource
from securefed.recipes.files.csv_table import CsvTable
from securefed.recipes.files.data_file import DataFile
from securefed.recipes.files.opening import open_source
from tests.recipes.files.tables import (
    COLUMNS,
    RECORD,
    ROWS,
    SECRET,
    everything_of,
    write_csv,
    write_parquet,
)

WRITERS: dict[str, Callable[..., Path]] = {".csv": write_csv, ".parquet": write_parquet}


def replaced(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(0, path.stat().st_mtime_ns))
    other.rename(path)


def longer(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"x")


def changed_and_set_back(path: Path) -> None:
    before = path.stat()
    with path.open("r+b") as stream:
        stream.write(b"q")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("change", [replaced, longer, changed_and_set_back, Path.unlink])
def test_a_changed_file_is_not_read(
    form: str, change: Callable[[Path], None], tmp_path: Path
) -> None:
    path = WRITERS[form](tmp_path / f"data{form}", ROWS)
    with open_source(path, COLUMNS, RECORD) as source:
        assert len(source.take(np.array([0, 1]))) == 2
        change(path)
        with pytest.raises(DataDrifted, match="has changed since"):
            source.take(np.array([0]))


@pytest.mark.parametrize("form", WRITERS)
def test_a_link_is_followed_until_it_leads_elsewhere(form: str, tmp_path: Path) -> None:
    first = WRITERS[form](tmp_path / f"first{form}", ROWS)
    second = WRITERS[form](tmp_path / f"second{form}", ROWS)
    link = tmp_path / f"data{form}"
    link.symlink_to(first)
    with open_source(link, COLUMNS, RECORD) as source:
        assert len(source.take(np.array([0]))) == 1
        link.unlink()
        link.symlink_to(second)
        with pytest.raises(DataDrifted):
            source.take(np.array([0]))


@pytest.mark.parametrize("form", WRITERS)
def test_a_file_that_changes_while_it_is_opened_is_refused(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = WRITERS[form](tmp_path / f"data{form}", ROWS)
    plain = DataFile.stream

    def then_changed(self: DataFile) -> object:
        stream = plain(self)
        os.utime(path)
        return stream

    monkeypatch.setattr(DataFile, "stream", then_changed)
    with pytest.raises(DataDrifted):
        open_source(path, COLUMNS, RECORD)


@pytest.mark.parametrize(
    "record",
    [
        f"{SECRET},x,70.5,true,A,fine\n",
        f'"{SECRET},40,70.5,true,A,fin',
        f"{SECRET}\np,40,70.5,true,A,f\n",
        "",
    ],
)
def test_a_record_that_is_none_any_more_is_not_read(
    record: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_csv(tmp_path / "data.csv", ROWS)
    with CsvSource(path, COLUMNS, RECORD) as source:
        # As if the change had been hidden well.
        monkeypatch.setattr(DataFile, "part", lambda *_: record.encode())
        with pytest.raises(DataDrifted) as caught:
            source.take(np.array([0]))
    assert caught.value.where.endswith("data.csv, record 1")
    assert SECRET not in everything_of(caught.value)


def test_a_refused_file_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "data.csv", ROWS[:1])
    closed: list[None] = []
    plain = DataFile.close
    monkeypatch.setattr(DataFile, "close", lambda self: closed.append(plain(self)))
    with pytest.raises(Exception, match="at least two records"):
        open_source(path, COLUMNS, RECORD)
    assert closed


def test_the_places_of_records_are_those_of_their_bytes(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "data.csv", ROWS)
    with path.open("rb") as stream:
        table = CsvTable(stream, "data.csv", COLUMNS, RECORD)
        places = [table.position for _ in table]
    assert path.read_bytes()[table.first :].startswith(b'"p1","40"')
    assert path.read_bytes()[places[0] :].startswith(b'"p2",')
    assert places[-1] == path.stat().st_size
