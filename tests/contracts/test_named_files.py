"""An index is as good as the files that it names: all there, in sight of a run, and as indexed."""

import hashlib
from pathlib import Path

import pytest

from securefed.adapters.data_files import FileMeter, MemoryMeter
from securefed.domain.identifiers import Line
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType
from securefed.errors import DataUnreadable
from securefed.ports import DataMeter

RECORD = PrivacyUnit(column=None, bound=1)
COLUMNS = tuple(
    Column(name=Line(name), type=ColumnType.TEXT, meaning=Line("Of a scan"))
    for name in ("file", "sha256", "label")
)
SECRET = "Erika-Mustermann"
SCANS = {f"{folder}/{number}.png": b"scan" for folder in "ab" for number in range(3)}


class Index:
    """An index with its files, before a meter."""

    def __init__(self, meter: DataMeter, folder: Path) -> None:
        self.meter = meter
        self.path = folder / "index.csv"

    def put(self, name: str, content: bytes) -> None:
        path = self.path.parent / name
        if isinstance(self.meter, MemoryMeter):
            self.meter.files[path] = content
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

    def index(self, names: dict[str, bytes]) -> None:
        rows = [f"{name},{hashlib.sha256(data).hexdigest()},x\n" for name, data in names.items()]
        self.put("index.csv", ("file,sha256,label\n" + "".join(rows)).encode())

    def check(self, *folders: str) -> None:
        places = tuple(self.path.parent / folder for folder in folders)
        self.meter.check_named(self.path, COLUMNS, RECORD, places)


@pytest.fixture(params=[FileMeter, MemoryMeter])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Index:
    made = Index(request.param(), tmp_path)
    for name, content in SCANS.items():
        made.put(name, content)
    made.index(SCANS)
    return made


def test_files_in_the_folders_are_found(index: Index) -> None:
    for folders in (("a", "b"), (".",), ("a", "b", "c")):
        index.check(*folders)


def refuses(index: Index, match: str, record: int, *folders: str) -> None:
    with pytest.raises(DataUnreadable, match=match) as caught:
        index.check(*folders)
    assert caught.value.where.endswith(f"index.csv, record {record}")
    assert SECRET not in str(caught.value)


def test_a_file_that_a_run_would_not_see_is_refused(index: Index) -> None:
    refuses(index, "in one of the folders", 4, "a")
    refuses(index, "in one of the folders", 1, "a/deeper")


def test_a_file_that_is_missing_or_another_is_refused(index: Index) -> None:
    index.put("b/0.png", b"another scan")
    refuses(index, "Expected .*indexe?", 4, "a", "b")
    index.index({**SCANS, f"b/{SECRET}.png": b"scan"})
    index.put("b/0.png", b"scan")
    refuses(index, "Expected", 7, ".")


@pytest.mark.parametrize("name", [f"a/../../{SECRET}", f"/etc/{SECRET}", f"a/../b/{SECRET}"])
def test_a_name_that_leads_elsewhere_is_refused(name: str, index: Index) -> None:
    index.index({**SCANS, name: b"scan"})
    refuses(index, "Expected", 7, "a", "b")
    refuses(index, "Expected", 7, ".")


def test_an_index_of_many_files_is_read_in_parts(index: Index) -> None:
    many = {f"a/{number}": b"x" for number in range(1500)}
    for name, content in many.items():
        index.put(name, content)
    index.index(many)
    index.check("a")
    index.put("a/1400", b"y")
    refuses(index, "Expected", 1401, "a")


def test_a_record_without_a_name_is_refused(index: Index) -> None:
    digest = hashlib.sha256(b"scan").hexdigest()
    text = f"file,sha256,label\na/0.png,{digest},x\n,{digest},x\n"
    index.put("index.csv", text.encode())
    with pytest.raises(DataUnreadable, match="Expected") as caught:
        index.check(".")
    assert caught.value.where.endswith("record 2")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    secret = tmp_path / "secret"
    secret.write_bytes(b"scan")
    (tmp_path / "a" / "0.png").symlink_to(secret)
    index = Index(FileMeter(), tmp_path)
    index.index({"a/0.png": b"scan", "a/1.png": b"scan"})
    refuses(index, "readable file inside", 1, "a")


def test_folders_elsewhere_are_refused(index: Index, tmp_path: Path) -> None:
    with pytest.raises(DataUnreadable, match="below that of the index"):
        index.meter.check_named(index.path, COLUMNS, RECORD, (tmp_path.parent,))
