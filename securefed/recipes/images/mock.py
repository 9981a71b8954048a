"""Made-up images: a disc on a noisy ground, its colour or brightness by class.

Promises that a small model can learn them and that they are made from the seed alone. They tell
nothing about real images.
"""

import colorsys
import hashlib
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from securefed.recipes.images.indexing import FILE, SHA256
from securefed.recipes.images.reading import BOX
from securefed.recipes.images.settings import ImagesSettings
from securefed.recipes.records import Cell, Records

_Box: TypeAlias = tuple[int, int, int, int]


def mock_images(settings: ImagesSettings, records: int, seed: int, folder: Path) -> Records:
    """Images in the folder, with the rows of an index. Classes come in turn."""
    chance = np.random.default_rng(seed)
    # Larger than what the model looks at, so that they are resized as real ones are.
    side = settings.size + settings.size // 2
    names = [FILE, SHA256, settings.target, *(BOX if settings.boxes else ())]
    columns: dict[str, list[Cell]] = {name: [] for name in names}
    for number in range(records):
        place = number % len(settings.classes)
        colour = _colour(place / len(settings.classes), settings.channels)
        pixels, box = _disc(chance, side, colour)
        content = _png(pixels)
        name = f"mock-{seed}-{number}.png"
        (folder / name).write_bytes(content)
        cells: list[Cell] = [
            name,
            hashlib.sha256(content).hexdigest(),
            settings.classes[place],
            *box,
        ]
        for column, cell in zip(columns.values(), cells, strict=False):
            column.append(cell)
    return Records(columns=columns, folder=folder)


def _colour(share: float, channels: int) -> tuple[float, ...]:
    return (1 - share,) if channels == 1 else colorsys.hsv_to_rgb(share, 1.0, 1.0)


def _disc(
    chance: np.random.Generator, side: int, colour: tuple[float, ...]
) -> tuple[NDArray[np.uint8], _Box]:
    radius = int(chance.integers(max(1, side // 5), max(2, side // 3)))
    x, y = (int(place) for place in chance.integers(radius, side - radius, size=2))
    rows, across = np.ogrid[:side, :side]
    inside = (rows - y) ** 2 + (across - x) ** 2 <= radius**2
    pixels = chance.integers(0, 96, size=(side, side, 1)).repeat(len(colour), 2)
    pixels[inside] += (159 * np.array(colour)).astype(pixels.dtype)
    return pixels.astype(np.uint8), (x - radius, y - radius, x + radius, y + radius)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).save(
        stream, format="PNG", compress_level=1
    )
    return stream.getvalue()
