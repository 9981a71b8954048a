"""Rows of an index as tensors of pixels and classes.

Promises that a picture counts only with the bytes whose SHA-256 the index states, and that a record
which cannot be read is an error that names its place and what was expected, never a value. Pictures
are remembered as small as the model sees them, up to a bound, so that most are decoded once; that
changes the time and no number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from securefed.errors import DataUnreadable
from securefed.recipes.files.named_files import read_pinned_file
from securefed.recipes.images.decoding import decoded_image
from securefed.recipes.images.indexing import FILE, SHA256
from securefed.recipes.images.settings import ImagesSettings
from securefed.recipes.records import Cell, Records

BOX: Final = ("xmin", "ymin", "xmax", "ymax")
_MOST_BYTES: Final = 256 * 2**20
# About what a row takes besides its pixels.
_ROW_BYTES: Final = 1024
_Pixels: TypeAlias = NDArray[np.uint8]
_Row: TypeAlias = tuple[Cell, ...]


def class_numbers(cells: Sequence[Cell], settings: ImagesSettings) -> Tensor:
    """The place of each record's class, [records]."""
    places = {name: place for place, name in enumerate(settings.classes)}
    found = [places.get(_written(cell), -1) for cell in cells]
    if -1 in found:
        raise DataUnreadable(
            f"Expected one of the {len(places)} classes of the study in column {settings.target}",
            where=_where(found.index(-1), len(found)),
        )
    return torch.tensor(found, dtype=torch.int64)


@dataclass(kw_only=True, eq=False)
class ImageReader:
    """Reads the images of one recipe. What it remembers is private and in no text of it."""

    settings: ImagesSettings
    _kept: dict[_Row, _Pixels] = field(default_factory=dict, init=False, repr=False)
    _bytes: int = field(default=0, init=False, repr=False)

    def images(self, records: Records) -> Tensor:
        """Normalised pixels, [records, channels, size, size]."""
        names = (FILE, SHA256, *(BOX if self.settings.boxes else ()))
        rows = list(zip(*(records.columns[name] for name in names), strict=True))
        side, channels = self.settings.size, self.settings.channels
        pixels = np.zeros((len(rows), side, side, channels), np.uint8)
        pictures = _Pictures(records)
        # By file, so that one with several records is decoded once, and one is open at a time.
        for place in sorted(range(len(rows)), key=lambda place: repr(rows[place])):
            pixels[place] = self._pixels(pictures, rows[place], _where(place, len(rows)))
        scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        return ((scaled - self.settings.mean) / self.settings.spread).contiguous()

    def _pixels(self, pictures: "_Pictures", row: _Row, where: str) -> _Pixels:
        kept = self._kept.get(row)
        if kept is not None:
            return kept
        file, sha256, *box = row
        image = pictures.opened(file, sha256, where)
        if self.settings.boxes:
            image = _cropped(image, box, where)
        mode = "RGB" if self.settings.colour else "L"
        image = image if image.mode == mode else image.convert(mode)
        image = image.resize((self.settings.size,) * 2, Image.Resampling.BILINEAR)
        found = np.asarray(image).reshape(*image.size, self.settings.channels)
        size = found.nbytes + _ROW_BYTES
        if self._bytes + size <= _MOST_BYTES:
            self._kept[row] = found
            self._bytes += size
        return found


class _Pictures:
    """The picture that was opened last."""

    def __init__(self, records: Records) -> None:
        self._folder = records.folder
        self._last: tuple[_Row, Image.Image] | None = None

    def opened(self, file: Cell, sha256: Cell, where: str) -> Image.Image:
        """The picture in a file, decoded when it is another one than before."""
        if self._last is None or self._last[0] != (file, sha256):
            self._last = (file, sha256), self._decoded(file, sha256, where)
        return self._last[1]

    def _decoded(self, file: Cell, sha256: Cell, where: str) -> Image.Image:
        if not isinstance(file, str) or not isinstance(sha256, str):
            raise DataUnreadable(f"Expected text in columns {FILE} and {SHA256}", where=where)
        return decoded_image(read_pinned_file(self._folder, file, sha256, where=where), where)


def _cropped(image: Image.Image, box: Sequence[Cell], where: str) -> Image.Image:
    corners = [cell for cell in box if isinstance(cell, int) and not isinstance(cell, bool)]
    if len(corners) == len(BOX):
        left, upper, right, lower = corners
        if 0 <= left < right <= image.width and 0 <= upper < lower <= image.height:
            return image.crop((left, upper, right, lower))
    raise DataUnreadable(
        f"Expected a box of at least one pixel within the image in columns {', '.join(BOX)}",
        where=where,
    )


def _written(cell: Cell) -> str:
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _where(place: int, records: int) -> str:
    return f"record {place + 1} of the {records} that are read together"
