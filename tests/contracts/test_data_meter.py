"""What every data meter does, and that no error ever shows what a file holds."""

import csv
import hashlib
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from securefed.adapters.data_files import FileMeter, MemoryMeter
from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Line
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType, Measured
from securefed.errors import DataUnreadable
from securefed.ports import DataMeter

pytestmark = pytest.mark.slow

RECORD = PrivacyUnit(column=None, bound=1)
PATIENT = PrivacyUnit(column="patient", bound=4)
COLUMNS = tuple(
    Column(name=Line(name), type=kind, meaning=Line("A column"))
    for name, kind in (
        ("patient", ColumnType.IDENTIFIER),
        ("age", ColumnType.INTEGER),
        ("weight", ColumnType.DECIMAL),
        ("smoker", ColumnType.BOOLEAN),
        ("ward", ColumnType.CATEGORY),
        ("note", ColumnType.TEXT),
    )
)
HEADER = "patient,age,weight,smoker,ward,note\n"
GOOD = 'p1,40,70.5,true,A,fine\np2,,,,,\np1,41,7e1,0,A,"two\nlines, and ""quotes"""\n'
SECRET = "Erika-Mustermann"


class Files:
    """A meter and a way to put files before it."""

    def __init__(self, meter: DataMeter, folder: Path) -> None:
        self.meter = meter
        self.folder = folder

    def measure(self, data: bytes, unit: PrivacyUnit = PATIENT) -> Measured:
        path = self.folder / "data.csv"
        if isinstance(self.meter, MemoryMeter):
            self.meter.files[path] = data
        else:
            path.write_bytes(data)
        return self.meter.measure(path, COLUMNS, unit)


@pytest.fixture(params=[FileMeter, MemoryMeter])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return Files(request.param(), tmp_path)


def test_records_units_and_bytes_are_measured(files: Files) -> None:
    data = (HEADER + GOOD).encode()
    expected = Measured(records=3, units=2, digest=digest_of("dataset", data))
    assert files.measure(data) == expected


def test_without_a_unit_column_every_record_is_a_unit(files: Files) -> None:
    assert files.measure((HEADER + GOOD).encode(), RECORD).units == 3


def test_line_ends_of_both_kinds_are_read_and_are_different_bytes(files: Files) -> None:
    rows = HEADER + "p1,40,1.5,1,A,x\np2,40,1.5,1,A,x\n"
    unix, windows = files.measure(rows.encode()), files.measure(rows.replace("\n", "\r\n").encode())
    assert (unix.records, unix.units) == (windows.records, windows.units) == (2, 2)
    assert unix.digest != windows.digest


def test_a_file_without_a_last_line_end_counts_its_last_record(files: Files) -> None:
    assert files.measure((HEADER + "p1,,,,,\np2,,,,,").encode()).records == 2


def test_a_missing_file_is_refused(files: Files) -> None:
    with pytest.raises(DataUnreadable, match=r"Expected a file \(.*nowhere\.csv\)"):
        files.meter.measure(files.folder / "nowhere.csv", COLUMNS, PATIENT)


def row(**cells: str) -> str:
    values = {"patient": "p9", "age": "1", "weight": "1", "smoker": "1", "ward": "w", "note": ""}
    return ",".join({**values, **cells}.values()) + "\n"


BAD = {
    "empty": ("", "not an empty file", "line 1"),
    "header only": (HEADER, "at least two records", "line 1"),
    "one record": (HEADER + row(), "at least two records", "line 2"),
    "no header": (row(patient=SECRET) + row(), "column 1 to be 'patient'", "line 1"),
    "column missing": (HEADER.replace(",note", "") + row(), "column 6 to be 'note'", "line 1"),
    "column extra": (HEADER.replace("note", f"note,{SECRET}"), "6 columns, not 7", "line 1"),
    "columns turned": (
        HEADER.replace("age,weight", "weight,age"),
        "column 2 to be 'age'",
        "line 1",
    ),
    "byte order mark": ("\ufeff" + HEADER + GOOD, "byte order mark", "line 1"),
    "row short": (HEADER + row() + f"{SECRET},1\n", "6 cells, not 2", "line 3"),
    "row long": (HEADER + row() + row(note=f"{SECRET},x"), "6 cells, not 7", "line 3"),
    "blank line": (HEADER + row() + "\n" + row(), "6 cells, not 0", "line 3"),
    "integer": (HEADER + row(age=SECRET), "a whole number", "line 2, column 'age'"),
    "integer as decimal": (HEADER + row(age="4.0"), "a whole number", "line 2, column 'age'"),
    "integer with space": (HEADER + row(age=" 4"), "a whole number", "line 2, column 'age'"),
    "integer elsewhere": (HEADER + row(age="٤"), "a whole number", "line 2, column 'age'"),
    "decimal": (HEADER + row(weight=SECRET), "a decimal number", "line 2, column 'weight'"),
    "decimal nan": (HEADER + row(weight="nan"), "a decimal number", "line 2, column 'weight'"),
    "decimal inf": (HEADER + row(weight="inf"), "a decimal number", "line 2, column 'weight'"),
    "decimal too large": (HEADER + row(weight="1e999"), "a decimal number", "column 'weight'"),
    "boolean": (HEADER + row(smoker=SECRET), "true, false, 0 or 1", "line 2, column 'smoker'"),
    "category": (HEADER + row(ward=SECRET * 20), "at most 200", "line 2, column 'ward'"),
    "unit empty": (HEADER + row() + row(patient=""), "a privacy unit", "line 3, column 'patient'"),
    "unit of spaces": (HEADER + row(patient='" "'), "at most 200", "line 2, column 'patient'"),
    "open quote": (HEADER + row() + f'"{SECRET},1,1,1,w,\n', "closed quotes", "line 3"),
    "stray quote": (HEADER + f'"{SECRET}"x,1,1,1,w,\n', "closed quotes", "line 2"),
    "old line ends": ((HEADER + row()).replace("\n", "\r"), "closed quotes", "line 1"),
    "huge field": (HEADER + row(note=SECRET * 10_000), "closed quotes", "line 2"),
    "huge record": (HEADER + row(note="x," * 600_000), "a record of at most", "line 2"),
    "many lines": (HEADER + '"\n",' * 400_000, "a record of at most", "line 250002"),
    "nul": (HEADER + row(note=f"{SECRET}\0"), "without NUL bytes", "line 2"),
}


@pytest.mark.parametrize("story", BAD)
def test_a_bad_file_is_refused_without_a_word_of_it(files: Files, story: str) -> None:
    text, reason, place = BAD[story]
    with pytest.raises(DataUnreadable) as caught:
        files.measure(text.encode())
    assert reason in caught.value.what
    assert caught.value.where.endswith(place)
    assert SECRET not in everything_of(caught.value)


def test_other_encodings_are_refused_without_a_byte_of_them(files: Files) -> None:
    for data in (f"{HEADER}{SECRET}\xe9\n".encode("latin-1"), (HEADER + SECRET).encode("utf-16")):
        with pytest.raises(DataUnreadable, match=r"UTF-8|NUL") as caught:
            files.measure(data)
        assert SECRET not in everything_of(caught.value)


def everything_of(error: BaseException | None) -> str:
    """What a traceback could print of an error and of all that led to it."""
    if error is None:
        return ""
    own = f"{error!r} {error} {vars(error)} {error.args}"
    return own + everything_of(error.__cause__) + everything_of(error.__context__)


CELLS = some.tuples(
    some.sampled_from(["p1", "p2", "p3", "ü"]),
    some.integers(-(10**17), 10**17).map(str),
    some.decimals(
        allow_nan=False, allow_infinity=False, places=3, max_value=10**9, min_value=0
    ).map(str),
    some.sampled_from(["true", "false", "0", "1", ""]),
    some.sampled_from(["A", "B, C", '"D"', "é"]),
    some.text(some.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
)


@given(rows=some.lists(CELLS, min_size=2, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_csv_module_writes_is_measured(files: Files, rows: list[tuple[str, ...]]) -> None:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    data = (HEADER + text.getvalue()).encode()
    measured = files.measure(data)
    assert measured.records == len(rows)
    assert measured.units == len({patient for patient, *_ in rows})
    plain = hashlib.sha256(b"securefed/v1/dataset\n" + data).hexdigest()
    assert measured.digest == f"sha256:{plain}"


@given(tail=some.binary(max_size=80), with_header=some.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_measured_or_refused(files: Files, tail: bytes, with_header: bool) -> None:
    said = ""
    try:
        assert files.measure(HEADER.encode() * with_header + tail).records >= 2
    except DataUnreadable as error:
        said = error.what
    assert not said or said.startswith("Expected ")


@pytest.mark.parametrize("name", ["", "x" * 5000])
def test_what_is_no_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataUnreadable, match="Expected a"):
        FileMeter().measure(tmp_path / name, COLUMNS, PATIENT)
