"""Pictures as files, and an index of one row for each."""

import hashlib
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from securefed.recipes.records import Cell, Records


def picture(mode: str = "RGB", size: tuple[int, int] = (8, 6), seed: int = 0) -> Image.Image:
    """Noise."""
    chance = np.random.default_rng(seed)
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    return Image.fromarray(chance.integers(0, 256, shape).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """A picture as a file's content."""
    stream = BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def claimed_png(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def indexed(folder: Path, *contents: bytes, **columns: list[Cell]) -> Records:
    """Writes the files and gives the rows of their index, with class 0 unless told otherwise."""
    names = [f"{number}.bin" for number in range(len(contents))]
    for name, content in zip(names, contents, strict=True):
        (folder / name).write_bytes(content)
    rows: dict[str, list[Cell]] = {
        "file": [*names],
        "sha256": [hashlib.sha256(content).hexdigest() for content in contents],
        "label": ["0"] * len(contents),
    }
    return Records(columns=rows | columns, folder=folder)


def _chunk(name: bytes, data: bytes) -> bytes:
    checked = name + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))
