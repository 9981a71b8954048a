"""Blood cells as laboratories hold them: whole pictures stay together, and files are pinned."""

import csv
import hashlib
from pathlib import Path

import pytest
from PIL import Image

from securefed.adapters.published_data.blood_cells import ORIGIN, PICTURE, parts, write_blood_cells
from securefed.adapters.published_data.part import RECORD
from securefed.config import load_card
from securefed.errors import AssetMismatch, DataUnreadable
from securefed.recipes.files.opening import open_source

LABS = ("lab-a", "lab-b", "lab-c")
HEAD = "filename,cell_type,xmin,xmax,ymin,ymax"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Ten pictures with two boxes each, and one box more that has no pixel."""
    folder = tmp_path / "bccd"
    (folder / "images").mkdir(parents=True)
    lines = [HEAD, "p0.jpg,RBC,5,5,1,9"]
    for number in range(10):
        Image.new("RGB", (40, 30), (number, 0, 0)).save(folder / "images" / f"p{number}.jpg")
        lines += [f"p{number}.jpg,RBC,1,9,2,12", f"p{number}.jpg,WBC,3,20,4,25"]
    (folder / "boxes.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _written(source: Path, tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    write_blood_cells(source, folder)
    return folder


def test_a_picture_is_in_one_part_with_all_its_boxes_and_its_digest(
    source: Path, tmp_path: Path
) -> None:
    folder = _written(source, tmp_path, "data")
    found: dict[str, int] = {}
    for name in ("test", *LABS):
        for row in _rows(folder, name):
            place, _, picture = row["file"].partition("/")
            assert place == f"{name}-pictures"
            content = (folder / row["file"]).read_bytes()
            assert row["sha256"] == hashlib.sha256(content).hexdigest()
            found[picture] = found.get(picture, 0) + 1
    assert found == {f"p{number}.jpg": 2 for number in range(10)}


def test_the_unit_is_the_picture_and_held_out_boxes_count_by_themselves(
    source: Path, tmp_path: Path
) -> None:
    folder = _written(source, tmp_path, "data")
    card = load_card(folder / "lab-a.toml")
    assert card.unit == PICTURE
    assert card.folders == (folder / "lab-a-pictures",)
    assert card.mock is not None
    with open_source(card.mock, card.columns, card.unit) as mock:
        assert mock.units == mock.records > 20
    assert load_card(folder / "test.toml").unit == RECORD


def test_the_same_files_make_the_same_parts(source: Path, tmp_path: Path) -> None:
    one, other = (_written(source, tmp_path, name) for name in ("one", "other"))
    for file in sorted(one.rglob("*")):
        if file.is_file():
            assert (other / file.relative_to(one)).read_bytes() == file.read_bytes()


def test_a_fifth_is_held_out_and_the_laboratories_differ_in_size() -> None:
    pictures = [f"p{number:03}" for number in range(364)]
    found = parts(pictures)
    assert {name: len(one) for name, one in found.items()} == {
        **{"test": 72, "lab-a": 122, "lab-b": 100},
        "lab-c": 70,
    }
    assert sorted(one for part in found.values() for one in part) == pictures


def test_another_cell_than_the_three_is_refused(source: Path, tmp_path: Path) -> None:
    (source / "boxes.csv").write_text(f"{HEAD}\np0.jpg,Virus,1,9,2,12\n", encoding="utf-8")
    with pytest.raises(DataUnreadable, match="Line 2"):
        _written(source, tmp_path, "data")


def test_files_that_are_not_the_published_ones_are_refused(source: Path) -> None:
    with pytest.raises(AssetMismatch):
        ORIGIN.checked(source)
