"""A picture that has no place in a batch is refused by its place, and its content is not told."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from securefed.errors import DataUnreadable
from securefed.recipes.images import ImagesSettings, make
from securefed.recipes.images.decoding import MOST_PIXELS, decoded_image
from securefed.recipes.recipe import Batch
from tests.recipes.images.pictures import claimed_png, encoded, indexed, picture

PNG, JPEG = encoded(picture()), encoded(picture(), "JPEG")
WHOLE = "whole PNG or JPEG"
PLAIN = "8-bit grey or RGB"
ALONE = "one picture"
SMALLER = "at most 40,000,000 pixels"


def transparent_grey() -> bytes:
    return encoded(picture("L"), transparency=7)


def moving() -> bytes:
    later = [picture(seed=1), picture(seed=2)]
    return encoded(picture(), save_all=True, append_images=later)


def phone_pictures() -> bytes:
    return encoded(picture(), "MPO", save_all=True, append_images=[picture(seed=1)])


BAD = {
    "nothing": (b"", WHOLE),
    "text": (b"name,diagnosis\n", WHOLE),
    "cut PNG": (PNG[: len(PNG) // 2], WHOLE),
    "cut JPEG": (JPEG[: len(JPEG) - 40], WHOLE),
    "only a header": (PNG[:33], WHOLE),
    "damaged": (PNG[:60] + bytes(20) + PNG[80:], WHOLE),
    "a GIF": (encoded(picture().quantize(), "GIF"), WHOLE),
    "a TIFF": (encoded(picture(), "TIFF"), WHOLE),
    "a BMP": (encoded(picture(), "BMP"), WHOLE),
    "palette": (encoded(picture().quantize()), PLAIN),
    "black and white": (encoded(picture().convert("1")), PLAIN),
    "16 bits": (encoded(Image.new("I;16", (8, 6))), PLAIN),
    "with alpha": (encoded(picture().convert("RGBA")), PLAIN),
    "grey with alpha": (encoded(picture().convert("LA")), PLAIN),
    "one transparent grey": (transparent_grey(), PLAIN),
    "CMYK": (encoded(picture().convert("CMYK"), "JPEG"), PLAIN),
    "several pictures in a PNG": (moving(), ALONE),
    "several pictures in a JPEG": (phone_pictures(), ALONE),
    "a little too large": (claimed_png(MOST_PIXELS // 1000 + 1, 1000), SMALLER),
    "much too large": (claimed_png(12_000, 12_000), SMALLER),
    "a bomb": (claimed_png(100_000, 100_000), SMALLER),
    "a bomb of zeros": (encoded(Image.new("L", (6400, 6400))), SMALLER),
}


def collated(folder: Path, *contents: bytes, **more: object) -> Batch:
    settings = ImagesSettings(size=8)
    return make(settings, None).collate(indexed(folder, *contents, **more))


def test_a_library_that_allows_half_pictures_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As importing WeasyPrint does, for the whole process."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(DataUnreadable, match=WHOLE):
        decoded_image(PNG[: len(PNG) // 2], "here")


@pytest.mark.parametrize("case", BAD)
def test_refused_by_its_place(case: str, tmp_path: Path) -> None:
    content, expected = BAD[case]
    with pytest.raises(DataUnreadable, match="record 2 of the 3") as caught:
        collated(tmp_path, PNG, content, JPEG)
    assert expected in str(caught.value)
    assert ".bin" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(data=st.data(), whole=st.sampled_from([PNG, JPEG]))
def test_any_other_bytes_are_a_picture_or_refused(data: st.DataObject, whole: bytes) -> None:
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    content = whole[:start] + data.draw(st.binary(max_size=12)) + whole[end:]
    with suppress(DataUnreadable):
        image = decoded_image(content, "here")
        assert image.mode in {"L", "RGB"}
        assert image.width * image.height <= MOST_PIXELS


BOXES = {
    "no width": (3, 1, 3, 4),
    "no height": (1, 4, 5, 4),
    "the wrong way round": (5, 1, 2, 4),
    "before the image": (-1, 0, 4, 4),
    "beyond its width": (0, 0, 9, 6),
    "beyond its height": (0, 0, 8, 7),
    "missing": (0, 0, None, 4),
    "not whole": (0, 0, 3.5, 4),
    "a word": (0, "0", 3, 4),
    "a truth": (False, 0, 3, 4),
}


@pytest.mark.parametrize("case", BOXES)
def test_a_box_that_is_none(case: str, tmp_path: Path) -> None:
    corners = zip(["xmin", "ymin", "xmax", "ymax"], BOXES[case], strict=True)
    boxes = {name: [0 if "min" in name else 6, corner] for name, corner in corners}
    recipe = make(ImagesSettings(size=8, boxes=True), None)
    with pytest.raises(DataUnreadable, match=r"at least one pixel within the image.*record 2"):
        recipe.collate(indexed(tmp_path, PNG, PNG, **boxes))


@pytest.mark.parametrize("label", ["2", "secret", "", None, 2, 1.0, " 1"])
def test_a_label_outside_the_classes(label: object, tmp_path: Path) -> None:
    with pytest.raises(DataUnreadable, match=r"2 classes.*label.*record 2 of the 2") as caught:
        collated(tmp_path, PNG, PNG, label=["0", label])
    assert "secret" not in str(caught.value)


def test_labels_may_be_numbers_or_truths(tmp_path: Path) -> None:
    assert collated(tmp_path, PNG, PNG, label=[1, 0])["label"].tolist() == [1, 0]
    recipe = make(ImagesSettings(size=8, classes=("false", "true")), None)
    batch = recipe.collate(indexed(tmp_path, PNG, PNG, label=[True, False]))
    assert batch["label"].tolist() == [1, 0]
