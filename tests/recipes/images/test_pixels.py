"""Pixels arrive as they are in the file: their places, their colours, their scale."""

import hashlib
from pathlib import Path

import pytest
import torch
from PIL import Image

from securefed.recipes.images import ImagesSettings, make
from securefed.recipes.images import reading as images_reading
from securefed.recipes.images.decoding import decoded_image
from securefed.recipes.images.mock import mock_images
from securefed.recipes.records import Records
from tests.recipes.images.pictures import encoded, indexed, picture


def pixels(
    folder: Path, *contents: bytes, settings: ImagesSettings, **more: object
) -> torch.Tensor:
    return make(settings, None).collate(indexed(folder, *contents, **more))["images"]


def test_normalised_by_public_numbers(tmp_path: Path) -> None:
    content = encoded(Image.new("RGB", (8, 8), (0, 51, 255)))
    settings = ImagesSettings(size=8, mean=0.2, spread=0.4)
    found = pixels(tmp_path, content, settings=settings)
    assert found.shape == (1, 3, 8, 8)
    torch.testing.assert_close(found[0, :, 3, 5], torch.tensor([-0.5, 0.0, 2.0]))


def test_rows_are_rows(tmp_path: Path) -> None:
    image = Image.new("L", (8, 8))
    image.putpixel((6, 1), 255)
    settings = ImagesSettings(size=8, colour=False, mean=0, spread=1)
    assert pixels(tmp_path, encoded(image), settings=settings).nonzero().tolist() == [[0, 0, 1, 6]]


def test_a_box_has_its_last_row_and_column_outside(tmp_path: Path) -> None:
    image = Image.new("L", (20, 10))
    image.paste(255, (3, 2, 11, 6))
    settings = ImagesSettings(size=8, colour=False, boxes=True, mean=0, spread=1)
    corners = {"xmin": [3, 3], "ymin": [2, 2], "xmax": [11, 12], "ymax": [6, 6]}
    found = pixels(tmp_path, *[encoded(image)] * 2, settings=settings, **corners)
    assert found[0].min() == 1.0
    assert found[1].min() < 1.0


def test_grey_and_colour_are_turned_into_each_other(tmp_path: Path) -> None:
    both = encoded(picture("L", (8, 8))), encoded(picture("RGB", (8, 8)))
    colour = pixels(tmp_path, *both, settings=ImagesSettings(size=8))
    grey = pixels(tmp_path, *both, settings=ImagesSettings(size=8, colour=False))
    assert (colour.shape, grey.shape) == ((2, 3, 8, 8), (2, 1, 8, 8))
    assert torch.equal(colour[0, 0], colour[0, 2])
    assert torch.equal(colour[0, :1], grey[0])


def test_no_records_make_an_empty_batch(tmp_path: Path) -> None:
    recipe = make(ImagesSettings(size=8), None)
    batch = recipe.collate(indexed(tmp_path, encoded(picture())).picked([]))
    assert {name: tuple(part.shape) for name, part in batch.items()} == {
        "images": (0, 3, 8, 8),
        "label": (0,),
    }


def crowded(folder: Path) -> Records:
    """Two images of three boxes each, in turn."""
    contents = [encoded(picture(size=(20, 20), seed=seed)) for seed in range(2)]
    base = indexed(folder, *contents)
    places = [0, 1, 0, 1, 0, 1]
    boxes = {
        **{"xmin": [0, 1, 2, 3, 4, 5], "ymin": [0] * 6},
        **{"xmax": [20] * 6, "ymax": [11, 12, 13, 14, 15, 16]},
    }
    picked = base.picked(places)
    return Records(columns={**picked.columns, **boxes}, folder=folder)


@pytest.mark.parametrize("most", [0, 3000, 2**20])
def test_what_is_remembered_changes_no_number(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ImagesSettings(size=8, boxes=True)
    records = crowded(tmp_path)
    one_by_one = [make(settings, None).collate(records.picked([i]))["images"] for i in range(6)]
    monkeypatch.setattr(images_reading, "_MOST_BYTES", most)
    recipe = make(settings, None)
    for order in ([0, 1, 2, 3, 4, 5], [5, 0, 0, 3], [2, 1, 4]):
        expected = torch.cat([one_by_one[i] for i in order])
        assert torch.equal(recipe.collate(records.picked(order))["images"], expected)


def test_an_image_of_several_boxes_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []

    def counted(content: bytes, where: str) -> Image.Image:
        decoded.append(where)
        return decoded_image(content, where)

    monkeypatch.setattr(images_reading, "decoded_image", counted)
    recipe = make(ImagesSettings(size=8, boxes=True), None)
    records = crowded(tmp_path)
    recipe.collate(records)
    recipe.collate(records)
    assert len(decoded) == 2


def test_the_mock_is_made_from_its_seed(tmp_path: Path) -> None:
    settings = ImagesSettings(size=8, boxes=True, classes=("a", "b", "c"))
    first, again, other = (mock_images(settings, 7, seed, tmp_path) for seed in (1, 1, 2))
    assert first.columns == again.columns
    assert not set(first.columns["file"]) & set(other.columns["file"])
    assert first.columns["label"] == ["a", "b", "c", "a", "b", "c", "a"]
    for name, digest in zip(first.columns["file"], first.columns["sha256"], strict=True):
        content = (tmp_path / str(name)).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest


def test_what_is_remembered_shows_in_no_text(tmp_path: Path) -> None:
    recipe = make(ImagesSettings(size=8), None)
    before = repr(recipe)
    recipe.collate(indexed(tmp_path, encoded(picture())))
    assert repr(recipe) == before
