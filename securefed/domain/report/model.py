"""What a report is made of: sections of statements, tables, charts and plain remarks.

A value never stands without its source. Texts are as people wrote them, so whoever shows a report
escapes them. Nothing here knows HTML, files or libraries.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from securefed.domain.claims import Source, Statement
from securefed.domain.identifiers import Digest, SiteId, StudyId
from securefed.errors import ConfigInvalid


@dataclass(frozen=True)
class Cell:
    """A value and where it comes from."""

    text: str
    source: Source


@dataclass(frozen=True)
class Line:
    """A row of a table: what it is about, and its values."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under headings. The first heading is that of the labels."""

    caption: str
    headings: tuple[str, ...]
    lines: tuple[Line, ...]
    empty: str = "There is none."

    def __post_init__(self) -> None:
        if any(len(one.cells) + 1 != len(self.headings) for one in self.lines):
            raise ConfigInvalid(f"A line of {self.caption!r} does not fit its headings")


class Drawing(StrEnum):
    """How a chart is drawn."""

    STEPS = "steps"
    BARS = "bars"
    CURVE = "curve"


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points under a name; across are moments, words or numbers, all of one kind."""

    name: str
    across: tuple[datetime, ...] | tuple[str, ...] | tuple[Decimal, ...]
    up: tuple[Decimal, ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure, what it shows in words, and the same figures as a table."""

    figure: str
    title: str
    alternative: str
    drawing: Drawing
    across: str
    up: str
    series: tuple[Series, ...]
    table: Table
    limit: tuple[str, Decimal] | None = None
    logarithmic: bool = False


@dataclass(frozen=True)
class Remark:
    """Words that promise nothing: how to read what stands beside them."""

    text: str


@dataclass(frozen=True)
class Command:
    """What a reader can type."""

    text: str


@dataclass(frozen=True)
class Claims:
    """Statements of the claim register."""

    statements: tuple[Statement, ...]


Block: TypeAlias = Remark | Command | Claims | Table | Chart


@dataclass(frozen=True)
class Section:
    """A numbered section."""

    number: int
    title: str
    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        if not self.blocks:
            raise ConfigInvalid(f"The section {self.title!r} is empty")

    def statements(self) -> Iterator[Statement]:
        """What is stated in it."""
        for block in self.blocks:
            if isinstance(block, Claims):
                yield from block.statements

    def tables(self) -> Iterator[Table]:
        """Its tables, and those of its charts."""
        for block in self.blocks:
            if isinstance(block, Table):
                yield block
            if isinstance(block, Chart):
                yield block.table


@dataclass(frozen=True, kw_only=True)
class Cited:
    """A ledger entry that the report rests on."""

    index: int
    at: datetime
    kind: str
    hash: Digest


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """The whole report about one site."""

    site: SiteId
    study: StudyId | None
    title: str
    at: datetime
    version: str
    evidence: Digest
    sections: tuple[Section, ...]
    cited: tuple[Cited, ...] = field(default=())

    def sources(self) -> Iterator[Source]:
        """Where every statement and value comes from."""
        for section in self.sections:
            yield from (one.source for one in section.statements())
            for table in section.tables():
                yield from (cell.source for line in table.lines for cell in line.cells)


@dataclass(frozen=True, kw_only=True)
class StudyReport:
    """The reports of several sites of one study, behind a page about all of them."""

    study: StudyId
    title: str
    at: datetime
    version: str
    evidence: Digest
    overview: Section
    chapters: tuple[AuditReport, ...]


def table(
    caption: str, headings: tuple[str, ...], lines: Iterable[Line], empty: str = "There is none."
) -> Table:
    """A table of lines."""
    return Table(caption=caption, headings=headings, lines=tuple(lines), empty=empty)


def line(label: str, source: Source, *values: str) -> Line:
    """A row whose values all come from the same entries."""
    return Line(label, tuple(Cell(one, source) for one in values))
