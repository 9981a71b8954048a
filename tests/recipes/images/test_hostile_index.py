"""An index cannot reach out of its folder, nor swap a picture for another one."""

from pathlib import Path

import pytest

from securefed.errors import DataUnreadable
from securefed.recipes.images import ImagesSettings, make
from securefed.recipes.records import Cell, Records
from tests.recipes.images.pictures import encoded, indexed, picture

PNG = encoded(picture())


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    """The folder of an index, with a picture that is not of it beside it."""
    (tmp_path / "secret.png").write_bytes(PNG)
    folder = tmp_path / "index"
    folder.mkdir()
    (folder / "linked.png").symlink_to(tmp_path / "secret.png")
    (folder / "around").symlink_to(tmp_path)
    (folder / "below").mkdir()
    return folder


def refused(records: Records) -> str:
    recipe = make(ImagesSettings(size=8), None)
    with pytest.raises(DataUnreadable, match="record 1 of the 1") as caught:
        recipe.collate(records)
    return str(caught.value)


NAMES = [
    *("../secret.png", "below/../../secret.png", "linked.png", "around/secret.png"),
    *("", ".", "below", "0.bin/x", "missing.png", "a\0b"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_elsewhere(inside: Path, name: str) -> None:
    told = refused(indexed(inside, PNG, file=[name]))
    assert "secret" not in told
    assert "missing" not in told


def test_an_absolute_name(inside: Path) -> None:
    refused(indexed(inside, PNG, file=[str(inside / "0.bin")]))


@pytest.mark.parametrize("digest", ["0" * 64, "", "*", "sha256", None, 7])
def test_another_digest(inside: Path, digest: Cell) -> None:
    refused(indexed(inside, PNG, sha256=[digest]))


@pytest.mark.parametrize("name", [None, 3, True])
def test_a_name_that_is_none(inside: Path, name: Cell) -> None:
    assert "file and sha256" in refused(indexed(inside, PNG, file=[name]))


def test_a_picture_that_was_swapped_after_the_index(inside: Path) -> None:
    records = indexed(inside, PNG)
    (inside / "0.bin").write_bytes(encoded(picture(seed=1)))
    assert "SHA-256" in refused(records)


def test_a_picture_that_was_read_under_another_name_opens_no_other_door(inside: Path) -> None:
    recipe = make(ImagesSettings(size=8), None)
    good = indexed(inside, PNG)
    recipe.collate(good)
    for name in ("../secret.png", "linked.png"):
        with pytest.raises(DataUnreadable):
            recipe.collate(indexed(inside, PNG, file=[name]))
