"""One part of published data as a site holds it: a CSV file with its `dataset.toml` beside it."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from securefed.domain.identifiers import DatasetId, Line
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType
from securefed.errors import StorageFailed

RECORD = PrivacyUnit(column=None, bound=1)
# What holds the records that nobody trains on.
TEST = "test"


@dataclass(frozen=True, kw_only=True)
class Described:
    """What the data cards of all parts say. `words` are a column's values, for the made-up mock;
    `folders` and `mock` are for an index of files, relative to where the parts are written."""

    dataset: DatasetId
    origin: str
    licence: str
    purposes: tuple[str, ...]
    columns: tuple[Column, ...]
    unit: PrivacyUnit = RECORD
    words: tuple[tuple[str, tuple[str, ...]], ...] = ()
    folders: tuple[str, ...] = ()
    mock: str | None = None


def column(name: str, type: ColumnType, meaning: str) -> Column:
    """A column of a data card."""
    return Column(name=Line(name), type=type, meaning=Line(meaning))


def write_part(
    folder: Path, name: str, title: str, described: Described, rows: Iterable[Sequence[object]]
) -> None:
    """Writes NAME.csv and NAME.toml."""
    try:
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([one.name for one in described.columns])
            writer.writerows(rows)
        text = _card(f"{name}.csv", title, described)
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(folder)) from error


def _card(data: str, title: str, told: Described) -> str:
    lines = [
        f"dataset = {_text(told.dataset)}",
        f"title = {_text(title)}",
        f"origin = {_text(told.origin)}",
        f"licence = {_text(told.licence)}",
        f"purposes = {_text(list(told.purposes))}",
        f"data = {_text(data)}",
    ]
    if told.folders:
        lines.append(f"folders = {_text(list(told.folders))}")
    if told.mock is not None:
        lines.append(f"mock = {_text(told.mock)}")
    lines += ['adjacency = "add-remove"', "", "[unit]"]
    if told.unit.column is not None:
        lines.append(f"column = {_text(told.unit.column)}")
    lines.append(f"bound = {told.unit.bound}")
    for one in told.columns:
        lines += ["", "[[columns]]", f"name = {_text(one.name)}", f"type = {_text(one.type)}"]
        lines.append(f"meaning = {_text(one.meaning)}")
        lines += [f"values = {_text(list(words))}" for of, words in told.words if of == one.name]
    return "\n".join(lines) + "\n"


def _text(value: str | list[str]) -> str:
    # JSON's texts and lists of texts are TOML's, too.
    return json.dumps(value, ensure_ascii=False)
