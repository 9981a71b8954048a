"""A data card is what the owner wrote and what the files say; the mock must look like the data."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from securefed.adapters.data_files import FileMeter
from securefed.config import CardDraft
from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Line
from securefed.domain.mock import MockColumn, MockPlan
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType, DataCard
from securefed.errors import DataUnreadable
from securefed.steps.make_mock import mock_text
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
        folders=(),
        mock=folder / "mock.csv",
        mock_plan=MockPlan(
            columns=tuple(MockColumn(column=column) for column in CARD.columns),
            unit=CARD.unit,
            records=20,
        ),
    )


def measured(draft: CardDraft, version: int = 1) -> DataCard:
    assert draft.mock is not None
    return measured_card(draft, draft.mock, version, FileMeter())


def test_a_card_has_the_counts_and_digests_of_the_files(tmp_path: Path) -> None:
    data = "patient,age\np1,40\np1,41\np2,60\n"
    card = measured(draft(tmp_path, data, "patient,age\nx,1\ny,2\n"), 3)
    assert (card.version, card.records, card.units) == (3, 3, 2)
    assert card.data == digest_of("dataset", data.encode())
    assert card.mock != card.data
    assert (card.columns, card.unit, card.title) == (CARD.columns, CARD.unit, CARD.title)


@pytest.mark.parametrize("wrong", [0, 1], ids=["data", "mock"])
def test_files_with_other_columns_make_no_card(wrong: int, tmp_path: Path) -> None:
    texts = ["patient,age\np1,40\np2,41\n"] * 2
    texts[wrong] = "patient,weight\np1,70\np2,71\n"
    with pytest.raises(DataUnreadable):
        measured(draft(tmp_path, *texts))


def test_the_mock_that_a_site_makes_up_does_not_depend_on_the_data(tmp_path: Path) -> None:
    cards = []
    for number, data in enumerate(("p1,40\np2,41\n", "p1,7\np1,8\np9,9\nq1,10\n")):
        folder = tmp_path / str(number)
        folder.mkdir()
        described = draft(folder, "patient,age\n" + data, "")
        mock = folder / "made-up.csv"
        mock.write_text(mock_text(described.mock_plan), encoding="utf-8", newline="")
        cards.append(measured_card(described, mock, 1, FileMeter()))
    assert cards[0].data != cards[1].data
    assert cards[0].mock == cards[1].mock


def test_an_index_makes_a_card_only_with_all_its_files(tmp_path: Path) -> None:
    described = with_files(tmp_path)
    assert measured(described).records == 2
    (tmp_path / "scans" / "2.png").write_bytes(b"another scan")
    with pytest.raises(DataUnreadable, match="SHA-256"):
        measured(described)


def test_a_mock_of_files_has_all_of_its_own(tmp_path: Path) -> None:
    described = with_files(tmp_path)
    (tmp_path / "mocks").mkdir()
    elsewhere = tmp_path / "mocks" / "index.csv"
    elsewhere.write_bytes(described.data.read_bytes())
    with pytest.raises(DataUnreadable, match="inside the folder of the index"):
        measured(replace(described, mock=elsewhere))


def with_files(folder: Path) -> CardDraft:
    """Two scans and their index, which is its own mock."""
    (folder / "scans").mkdir()
    rows = ["file,sha256"]
    for name in ("scans/1.png", "scans/2.png"):
        (folder / name).write_bytes(name.encode())
        rows.append(f"{name},{hashlib.sha256(name.encode()).hexdigest()}")
    index = "\n".join(rows) + "\n"
    columns = tuple(
        Column(name=Line(name), type=ColumnType.TEXT, meaning=Line("Of a scan"))
        for name in ("file", "sha256")
    )
    described = draft(folder, index, index)
    unit = PrivacyUnit(column=None, bound=1)
    return replace(described, columns=columns, unit=unit, folders=(folder / "scans",))


def test_a_folder_that_a_link_leads_away_to_is_refused(tmp_path: Path) -> None:
    described = with_files(tmp_path)
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "data.csv").write_bytes(described.data.read_bytes())
    (tmp_path / "index" / "scans").symlink_to(tmp_path / "scans")
    moved = tmp_path / "index"
    linked = replace(described, data=moved / "data.csv", folders=(moved / "scans",))
    with pytest.raises(DataUnreadable, match="below that of the index"):
        measured(linked)
