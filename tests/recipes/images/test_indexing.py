"""A folder of classes becomes an index of all that is in it, or an error."""

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from securefed.domain.identifiers import Line
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType
from securefed.errors import DataUnreadable
from securefed.recipes.files.opening import open_source
from securefed.recipes.images import ImagesSettings, make
from securefed.recipes.images.indexing import index_images, write_index
from tests.recipes.images.pictures import encoded, picture


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    for name, files in {"sick": ["b.PNG", "a.png"], "healthy": ["c.jpg"]}.items():
        (folder / name).mkdir(parents=True)
        for file in files:
            kind = "JPEG" if file.endswith("jpg") else "PNG"
            (folder / name / file).write_bytes(encoded(picture(), kind))
    return folder


def test_a_row_for_each_image(classes: Path) -> None:
    records = index_images(classes, "label")
    assert records.columns["file"] == ["healthy/c.jpg", "sick/a.png", "sick/b.PNG"]
    assert records.columns["label"] == ["healthy", "sick", "sick"]
    content = (classes / "sick" / "a.png").read_bytes()
    assert records.columns["sha256"][1] == hashlib.sha256(content).hexdigest()


def test_the_recipe_reads_what_was_indexed(classes: Path) -> None:
    recipe = make(ImagesSettings(size=8, classes=("healthy", "sick")), None)
    batch = recipe.collate(index_images(classes, "label"))
    assert batch["label"].tolist() == [0, 1, 1]
    assert batch["images"].shape == (3, 3, 8, 8)


def test_written_as_a_table_and_made_again(classes: Path) -> None:
    records = index_images(classes, "label")
    write_index(records)
    with (classes / "index.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["file", "sha256", "label"]
    assert [row[2] for row in rows[1:]] == records.columns["label"]
    assert index_images(classes, "label") == records


def test_a_written_index_is_a_dataset(classes: Path) -> None:
    write_index(index_images(classes, "label"))
    columns = tuple(
        Column(name=Line(name), type=ColumnType.TEXT, meaning=Line(name))
        for name in ("file", "sha256", "label")
    )
    recipe = make(ImagesSettings(size=8, classes=("healthy", "sick")), None)
    unit = PrivacyUnit(column=None, bound=1)
    with open_source(classes / "index.csv", columns, unit) as source:
        batch = recipe.collate(source.take(np.array([2, 0])))
    assert batch["label"].tolist() == [1, 0]
    assert batch["images"].shape == (2, 3, 8, 8)


def test_an_index_is_not_overwritten(classes: Path) -> None:
    (classes / "index.csv").write_text("mine")
    with pytest.raises(DataUnreadable, match="already"):
        write_index(index_images(classes, "label"))
    assert (classes / "index.csv").read_text() == "mine"


def _file_beside(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")


def _other_file(folder: Path) -> None:
    (folder / "sick" / "patients.txt").write_text("x")


def _deeper(folder: Path) -> None:
    (folder / "sick" / "more.png").mkdir()


def _linked_image(folder: Path) -> None:
    (folder / "sick" / "z.png").symlink_to(folder / "healthy" / "c.jpg")


def _linked_class(folder: Path) -> None:
    (folder / "unknown").symlink_to(folder / "sick")


@pytest.mark.parametrize(
    "spoil", [_file_beside, _other_file, _deeper, _linked_image, _linked_class]
)
def test_nothing_is_left_out_in_silence(classes: Path, spoil: Callable[[Path], None]) -> None:
    spoil(classes)
    with pytest.raises(DataUnreadable, match="nothing but") as caught:
        index_images(classes, "label")
    assert "patients" not in str(caught.value)


def test_a_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(DataUnreadable, match="a subfolder with images"):
        index_images(tmp_path, "label")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataUnreadable, match="Expected a folder"):
        index_images(tmp_path / "no", "label")
