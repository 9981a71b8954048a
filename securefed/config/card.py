"""`dataset.toml`: what an owner writes about a dataset. What can be measured is not written.

A draft becomes a data card when the site has counted the file's records and units and taken its
digest. The draft's paths are those of the private file, of the files that it names and of a
synthetic mock; they stay on the site and are no part of the card. Nor are the ranges and values:
they are for a mock that the site makes, where the owner brings none.
"""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field

from securefed.config.document import read_document
from securefed.config.fields import (
    AdjacencyWord,
    Count,
    DatasetText,
    Exact,
    LineText,
    NameList,
    Table,
    TypeWord,
    none_twice,
)
from securefed.config.problems import Unfit, said_of
from securefed.domain.identifiers import DatasetId, Digest, Line, Name
from securefed.domain.mock import USUAL_RECORDS, MockColumn, MockPlan
from securefed.domain.privacy import Adjacency, PrivacyUnit
from securefed.domain.site import Column, DataCard
from securefed.errors import ConfigInvalid

# How the domain begins to speak of what stands under a key here.
_KEYS = {
    "The unit's column": "unit.column",
    "A record contributes once": "unit.bound",
    "A data card names at least one column": "columns",
    "A data card names at least one purpose": "purposes",
    "A range is for": "columns",
    "The range of": "columns",
    "Values are for": "columns",
    "records of a mock": "mock_records",
    "A mock of files": "mock",
    "The columns 'file' and 'sha256'": "folders",
}
# What the recipes call the columns of an index: a file's name, and the digest of its bytes.
_OF_FILES = {"file", "sha256"}


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
    folders: tuple[Path, ...]
    mock: Path | None
    mock_plan: MockPlan

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


def _two(ends: list[Decimal]) -> list[Decimal]:
    if len(ends) != 2:
        raise Unfit("two numbers, the least and the largest")
    return ends


def _within(folders: list[Line]) -> list[Line]:
    for folder in folders:
        path = PurePosixPath(folder)
        if path.is_absolute() or ".." in path.parts:
            raise Unfit("folders below the data file's own, which is '.'")
    return none_twice(folders)


Ends = Annotated[list[Exact], AfterValidator(_two)]
Words = Annotated[list[LineText], AfterValidator(none_twice)]
Folders = Annotated[list[LineText], AfterValidator(_within)]


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
    range: Ends | None = Field(
        default=None,
        description="For a made-up mock: the least and the largest number, from public knowledge.",
    )
    values: Words = Field(
        default=[], description="For a made-up mock: the words to choose from, public as well."
    )


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
    folders: Folders = Field(
        default=[],
        description="For an index of files: the folders that hold them, relative to the index's.",
    )
    mock: LineText | None = Field(
        default=None,
        description="A synthetic file with the same columns; without one the site makes one up.",
    )
    mock_records: Count = Field(
        default=USUAL_RECORDS, description="How many records a made-up mock has."
    )
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
    unit = PrivacyUnit(column=document.unit.column, bound=document.unit.bound)
    _check_files(document)
    return CardDraft(
        dataset=document.dataset,
        title=document.title,
        origin=document.origin,
        licence=document.licence,
        purposes=tuple(document.purposes),
        unit=unit,
        adjacency=document.adjacency,
        columns=tuple(
            Column(name=one.name, type=one.type, meaning=one.meaning) for one in document.columns
        ),
        data=folder / document.data,
        folders=tuple((folder / document.data).parent / one for one in document.folders),
        mock=None if document.mock is None else folder / document.mock,
        mock_plan=_mock_plan(document, unit),
    )


def _mock_plan(document: CardDocument, unit: PrivacyUnit) -> MockPlan:
    return MockPlan(
        columns=tuple(_mock_column(one) for one in document.columns),
        unit=unit,
        records=document.mock_records,
    )


def _mock_column(table: ColumnTable) -> MockColumn:
    return MockColumn(
        column=Column(name=table.name, type=table.type, meaning=table.meaning),
        range=None if table.range is None else (table.range[0], table.range[1]),
        values=tuple(table.values),
    )


def _check_files(document: CardDocument) -> None:
    named = {str(one.name) for one in document.columns} >= _OF_FILES
    if named and not document.folders:
        raise ConfigInvalid(
            "The columns 'file' and 'sha256' name files: say in which folders they lie"
        )
    if document.folders and not named:
        raise ConfigInvalid("The columns 'file' and 'sha256' are missing, which name the files")
    if named and document.mock is None:
        raise ConfigInvalid(
            "A mock of files is not made up by the site",
            hint="Make an index with invented files and name it in `mock`; docs/data-owner.md "
            "shows how for images.",
        )
