"""A data card is what the owner wrote and what the files say; the mock must look like the data."""

from pathlib import Path

import pytest

from securefed.adapters.data_files import FileMeter
from securefed.config import CardDraft
from securefed.domain.canonical import digest_of
from securefed.errors import DataUnreadable
from securefed.steps.measure_data import measured_card
from tests.world import World

CARD = World().card()


def draft(folder: Path, data: str, mock: str) -> CardDraft:
    (folder / "data.csv").write_text(data, encoding="utf-8")
    (folder / "mock.csv").write_text(mock, encoding="utf-8")
    return CardDraft(
        dataset=CARD.dataset,
        title=CARD.title,
        origin=CARD.origin,
        licence=CARD.licence,
        purposes=CARD.purposes,
        unit=CARD.unit,
        adjacency=CARD.adjacency,
        columns=CARD.columns,
        data=folder / "data.csv",
        mock=folder / "mock.csv",
    )


def test_a_card_has_the_counts_and_digests_of_the_files(tmp_path: Path) -> None:
    data = "patient,age\np1,40\np1,41\np2,60\n"
    card = measured_card(draft(tmp_path, data, "patient,age\nx,1\ny,2\n"), 3, FileMeter())
    assert (card.version, card.records, card.units) == (3, 3, 2)
    assert card.data == digest_of("dataset", data.encode())
    assert card.mock != card.data
    assert (card.columns, card.unit, card.title) == (CARD.columns, CARD.unit, CARD.title)


@pytest.mark.parametrize("wrong", [0, 1], ids=["data", "mock"])
def test_files_with_other_columns_make_no_card(wrong: int, tmp_path: Path) -> None:
    texts = ["patient,age\np1,40\np2,41\n"] * 2
    texts[wrong] = "patient,weight\np1,70\np2,71\n"
    with pytest.raises(DataUnreadable):
        measured_card(draft(tmp_path, *texts), 1, FileMeter())
