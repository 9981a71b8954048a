"""What is written of a part is what a site reads."""

from pathlib import Path

import numpy as np
import pytest

from securefed.adapters.published_data.part import Described, column, write_part
from securefed.config import load_card
from securefed.domain.identifiers import DatasetId
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import ColumnType
from securefed.errors import StorageFailed
from securefed.recipes.files.opening import open_source

TOLD = Described(
    dataset=DatasetId("notes"),
    origin='Somewhere "else"',
    licence="CC0-1.0",
    purposes=("opinion-research",),
    columns=(
        column("who", ColumnType.IDENTIFIER, "Whose note it is"),
        column("text", ColumnType.TEXT, "What it says"),
        column("liked", ColumnType.CATEGORY, "Whether they liked it"),
    ),
    unit=PrivacyUnit(column="who", bound=3),
    words=(("liked", ("no", "yes")),),
)
TEXTS = ["one, two", 'they said "no"', "größer", "'", "a;b", "=1+1", "日本"]


def test_a_card_says_what_was_described(tmp_path: Path) -> None:
    write_part(tmp_path, "north", "Notes of the north", TOLD, [["a", "Fine", "yes"]])
    draft = load_card(tmp_path / "north.toml")
    assert (draft.dataset, draft.origin, draft.title) == (
        "notes",
        'Somewhere "else"',
        "Notes of the north",
    )
    assert (draft.columns, draft.unit) == (TOLD.columns, TOLD.unit)
    assert draft.data == tmp_path / "north.csv"
    (liked,) = [one for one in draft.mock_plan.columns if one.column.name == "liked"]
    assert liked.values == ("no", "yes")


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = [[f"p{number}", text, "no"] for number, text in enumerate(TEXTS)]
    write_part(tmp_path, "north", "Notes", TOLD, rows)
    draft = load_card(tmp_path / "north.toml")
    source = open_source(draft.data, draft.columns, draft.unit)
    found = source.take(np.arange(source.records)).columns["text"]
    source.close()
    assert list(found) == TEXTS


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        write_part(tmp_path / "nowhere", "north", "Notes", TOLD, [])
