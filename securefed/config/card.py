"""`dataset.toml`: what an owner writes about a dataset. What can be measured is not written.

A draft becomes a data card when the site has counted the file's records and units and taken its
digest. The draft's paths are those of the private file and of the synthetic mock; they stay on the
site and are no part of the card.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from securefed.config.document import read_document
from securefed.config.fields import (
    AdjacencyWord,
    Count,
    DatasetText,
    LineText,
    NameList,
    Table,
    TypeWord,
)
from securefed.config.problems import said_of
from securefed.domain.identifiers import DatasetId, Digest, Line, Name
from securefed.domain.privacy import Adjacency, PrivacyUnit
from securefed.domain.site import Column, DataCard

# How the domain begins to speak of what stands under a key here.
_KEYS = {
    "The unit's column": "unit.column",
    "A record contributes once": "unit.bound",
    "A data card names at least one column": "columns",
    "A data card names at least one purpose": "purposes",
}


@dataclass(frozen=True, kw_only=True)
class CardDraft:
    """A data card without what the site measures, and where its files lie."""

    dataset: DatasetId
    title: Line
    origin: Line
    licence: Line
    purposes: tuple[Name, ...]
    unit: PrivacyUnit
    adjacency: Adjacency
    columns: tuple[Column, ...]
    data: Path
    mock: Path

    def card(
        self, *, version: int, records: int, units: int, data: Digest, mock: Digest
    ) -> DataCard:
        """The data card, with what was measured."""
        return DataCard(
            dataset=self.dataset,
            version=version,
            title=self.title,
            origin=self.origin,
            licence=self.licence,
            purposes=self.purposes,
            unit=self.unit,
            adjacency=self.adjacency,
            records=records,
            units=units,
            columns=self.columns,
            data=data,
            mock=mock,
        )


class UnitTable(Table):
    """Whose presence in the data is hidden."""

    column: LineText | None = Field(
        default=None, description="The column whose value names a unit; without it, one record."
    )
    bound: Count = Field(description="How many records of one unit are used at most.")


class ColumnTable(Table):
    """One column of the data file."""

    name: LineText = Field(description="The column's name, as in the data file.")
    type: TypeWord = Field(description="What the column's values are.")
    meaning: LineText = Field(description="What the column means, without any value of it.")


class CardDocument(Table):
    """A dataset as its owner describes it."""

    dataset: DatasetText = Field(description="The dataset's name at this site.")
    title: LineText = Field(description="What people call the dataset.")
    origin: LineText = Field(description="Where the data come from.")
    licence: LineText = Field(description="Under which terms they are held and used.")
    purposes: NameList = Field(description="What a study may use them for.")
    data: LineText = Field(
        description="The private file, CSV or Parquet; relative to this file's folder."
    )
    mock: LineText = Field(description="The synthetic file with the same columns, CSV or Parquet.")
    adjacency: AdjacencyWord = Field(
        default=Adjacency.ADD_REMOVE, description="Which datasets count as neighbours."
    )
    unit: UnitTable = Field(description="Whose presence in the data is hidden.")
    columns: list[ColumnTable] = Field(description="Every column of the file, in its order.")


def load_card(path: Path) -> CardDraft:
    """The draft in a `dataset.toml`."""
    document = read_document(path, CardDocument)
    with said_of(path, _KEYS):
        draft = _draft(document, path.parent)
        # The smallest possible card: it makes the domain check what needs no measuring.
        nothing = Digest("sha256:" + "0" * 64)
        draft.card(version=1, records=1, units=1, data=nothing, mock=nothing)
    return draft


def _draft(document: CardDocument, folder: Path) -> CardDraft:
    return CardDraft(
        dataset=document.dataset,
        title=document.title,
        origin=document.origin,
        licence=document.licence,
        purposes=tuple(document.purposes),
        unit=PrivacyUnit(column=document.unit.column, bound=document.unit.bound),
        adjacency=document.adjacency,
        columns=tuple(
            Column(name=one.name, type=one.type, meaning=one.meaning) for one in document.columns
        ),
        data=folder / document.data,
        mock=folder / document.mock,
    )
