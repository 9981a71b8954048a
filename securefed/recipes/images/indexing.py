"""An index for a folder whose subfolders are the classes: one row for each image.

    write_index(index_images(folder, "label"))

Promises that the index names every file that it found, or fails: nothing is left out in silence.
The row holds the SHA-256 of the file, so that a digest of the index covers every image. Images are
not decoded here.
"""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from securefed.errors import DataUnreadable
from securefed.recipes.records import Records

FILE, SHA256 = "file", "sha256"
INDEX: Final = "index.csv"
_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg"})


def index_images(folder: Path, target: str) -> Records:
    """The rows, sorted by class and name."""
    if not folder.is_dir():
        raise DataUnreadable("Expected a folder", where=folder.name)
    found = list(_images(folder))
    if not found:
        raise DataUnreadable("Expected a subfolder with images for each class", where=folder.name)
    return Records(
        columns={
            FILE: [path.relative_to(folder).as_posix() for path in found],
            SHA256: [_sha256(path) for path in found],
            target: [path.parent.name for path in found],
        },
        folder=folder,
    )


def write_index(records: Records) -> None:
    """The rows as CSV, in their folder. An index that is there already is left as it is."""
    try:
        with (records.folder / INDEX).open("x", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(records.columns)
            writer.writerows(zip(*records.columns.values(), strict=True))
    except FileExistsError:
        raise DataUnreadable(
            f"There is an {INDEX} already",
            where=records.folder.name,
            hint="Remove it first; a dataset that uses it changes with it.",
        ) from None


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _images(folder: Path) -> Iterator[Path]:
    for place in sorted(folder.iterdir()):
        if place.name == INDEX:
            continue
        if place.is_symlink() or not place.is_dir():
            raise DataUnreadable(
                "Expected nothing but a subfolder for each class", where=folder.name
            )
        for number, path in enumerate(sorted(place.iterdir()), 1):
            if path.is_symlink() or not path.is_file() or path.suffix.lower() not in _SUFFIXES:
                raise DataUnreadable(
                    "Expected nothing but files that end with " + ", ".join(sorted(_SUFFIXES)),
                    where=f"{folder.name}, entry {number} of a class",
                )
            yield path
