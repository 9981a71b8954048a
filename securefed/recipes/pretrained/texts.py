"""Where a recipe's texts stand: in a column, or in files that the index names.

Files are pinned by their digest and lie in the dataset's folder. Promises that an error names the
column and never a text or the name of a file.
"""

import hashlib
from pathlib import Path

from securefed.domain.site import ColumnType
from securefed.errors import DataUnreadable
from securefed.recipes.files.named_files import read_text_file
from securefed.recipes.pretrained.settings import PretrainedSettings
from securefed.recipes.recipe import Needed
from securefed.recipes.records import Cell, Records

FILE, SHA256 = "file", "sha256"
_TEXT = frozenset({ColumnType.TEXT, ColumnType.CATEGORY})
_NAMES = frozenset({ColumnType.TEXT, ColumnType.CATEGORY, ColumnType.IDENTIFIER})


def text_columns(settings: PretrainedSettings) -> tuple[Needed, ...]:
    """The columns that say what the texts are."""
    if settings.files:
        return tuple(Needed(name=name, types=_NAMES) for name in (FILE, SHA256))
    return (Needed(name=settings.text, types=_TEXT),)


def texts_of(records: Records, settings: PretrainedSettings) -> list[str]:
    """The text of each record. An empty one is a text, a missing one is not."""
    if not settings.files:
        return _column(records, settings.text)
    named = zip(_column(records, FILE), _column(records, SHA256), strict=True)
    where = f"column {FILE}"
    return [read_text_file(records.folder, file, sha256, where=where) for file, sha256 in named]


def mock_columns(
    texts: list[str], settings: PretrainedSettings, folder: Path
) -> dict[str, list[str]]:
    """Columns for made-up texts, whose files are written into the folder."""
    if not settings.files:
        return {settings.text: texts}
    names = [f"text-{number}.txt" for number in range(len(texts))]
    for name, text in zip(names, texts, strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    return {FILE: names, SHA256: [hashlib.sha256(text.encode()).hexdigest() for text in texts]}


def _column(records: Records, name: str) -> list[str]:
    cells: list[Cell] = list(records.columns[name])
    if not all(isinstance(cell, str) for cell in cells):
        raise DataUnreadable("Expected a text in every record", where=f"column {name}")
    return [str(cell) for cell in cells]
