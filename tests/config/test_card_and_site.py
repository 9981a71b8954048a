"""Data cards' drafts."""

from pathlib import Path

import pytest

from securefed.config import load_card
from securefed.domain.canonical import digest_of
from securefed.domain.privacy import Adjacency, PrivacyUnit
from securefed.domain.site import ColumnType
from securefed.errors import NumberInvalid

GOOD = Path(__file__).parent / "good"


def test_a_draft_holds_what_the_owner_wrote() -> None:
    draft = load_card(GOOD / "dataset.toml")
    assert draft.unit == PrivacyUnit(column="patient", bound=8)
    assert draft.adjacency is Adjacency.ADD_REMOVE
    assert [column.type for column in draft.columns] == [ColumnType.IDENTIFIER, ColumnType.INTEGER]
    assert (draft.data, draft.mock) == (GOOD / "data.csv", GOOD / "mock.csv")


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    text = (GOOD / "dataset.toml").read_text(encoding="utf-8")
    path = tmp_path / "dataset.toml"
    path.write_text(text.replace('"data.csv"', '"/srv/data.csv"'), encoding="utf-8")
    assert load_card(path).data == Path("/srv/data.csv")


def test_a_draft_becomes_a_card_with_what_was_measured() -> None:
    draft = load_card(GOOD / "dataset.toml")
    data, mock = digest_of("dataset", b"data"), digest_of("dataset", b"mock")
    card = draft.card(version=2, records=30, units=20, data=data, mock=mock)
    assert (card.version, card.records, card.units, card.data, card.mock) == (2, 30, 20, data, mock)
    assert (card.title, card.purposes, card.columns) == (
        draft.title,
        draft.purposes,
        draft.columns,
    )
    with pytest.raises(NumberInvalid):
        draft.card(version=2, records=30, units=31, data=data, mock=mock)
