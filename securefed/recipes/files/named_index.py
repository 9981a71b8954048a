"""An index read through, and every file that it names: is each there, and the one that was indexed?

Promises that a file counts only inside one of the folders that a run will see, and with the SHA-256
that the index states. Errors say which record, and never quote a name. A file that changes later is
found out when it is read for training, by the same digest.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np

from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column
from securefed.errors import DataUnreadable
from securefed.recipes.files.named_files import read_pinned_file
from securefed.recipes.files.opening import open_source
from securefed.recipes.records import Cell

FILE, SHA256 = "file", "sha256"
_AT_A_TIME = 1024


def check_named_files(
    path: Path, columns: tuple[Column, ...], unit: PrivacyUnit, folders: tuple[Path, ...]
) -> None:
    """Reads all of them; folders are below the index's own, or that folder itself."""
    inside = below(path, folders)
    with open_source(path, columns, unit) as source:
        for start in range(0, source.records, _AT_A_TIME):
            records = source.take(np.arange(start, min(start + _AT_A_TIME, source.records)))
            pairs = zip(records.columns[FILE], records.columns[SHA256], strict=True)
            for number, (file, sha256) in enumerate(pairs, start + 1):
                where = f"{path}, record {number}"
                name, digest = in_sight(file, sha256, inside, where)
                read_pinned_file(path.parent, name, digest, where=where)


def below(path: Path, folders: tuple[Path, ...]) -> list[PurePosixPath]:
    """The folders as the index would write them."""
    if not all(folder.is_relative_to(path.parent) for folder in folders):
        raise DataUnreadable("Expected folders below that of the index", where=str(path))
    return [PurePosixPath(folder.relative_to(path.parent)) for folder in folders]


def in_sight(
    file: Cell, sha256: Cell, folders: Iterable[PurePosixPath], where: str
) -> tuple[str, str]:
    """The name and digest of a file that lies in one of the folders."""
    if not isinstance(file, str) or not isinstance(sha256, str):
        raise DataUnreadable(f"Expected text in columns {FILE} and {SHA256}", where=where)
    if not any(PurePosixPath(file).is_relative_to(folder) for folder in folders):
        raise DataUnreadable("Expected a file in one of the folders of the dataset", where=where)
    return file, sha256
