"""The table `[fusion]` of `study.toml`: teachers at the sites that vote on public records."""

from typing import Annotated

from pydantic import Field, PlainValidator

from securefed.config.fields import (
    Count,
    LineText,
    Table,
    TypeWord,
    none_twice,
    text_of,
    text_schema,
)
from securefed.config.problems import Unfit
from securefed.domain.fusion import Fusion, PublicColumn
from securefed.domain.identifiers import Digest, Line

DigestText = Annotated[Digest, PlainValidator(text_of(Digest)), text_schema(Digest)]


def _classes(value: object) -> list[Line]:
    if not isinstance(value, list) or len(value) < 2:
        raise Unfit("two classes or more, each as text")
    return none_twice([text_of(Line)(one) for one in value])


def _file(value: object) -> Line:
    name = text_of(Line)(value)
    if "/" in name or name.startswith("."):
        raise Unfit("the name of a file in the folder of assets")
    return name


ClassList = Annotated[list[Line], PlainValidator(_classes, json_schema_input_type=list[str])]
FileText = Annotated[Line, PlainValidator(_file), text_schema(Line)]


class FusionTable(Table):
    """Teachers at every site vote on public records; what leaves is their noised votes."""

    teachers: Count = Field(description="Over how many teachers each site splits its units.")
    epochs: Count = Field(
        default=20, description="How often a teacher, and the student, sees each of its records."
    )
    batch: Count = Field(default=16, description="How many of them make a step.")
    target: LineText = Field(description="The column of the class.")
    classes: ClassList = Field(
        description="The classes, as that column writes them; true and false for a boolean."
    )
    queries: FileText = Field(
        description="The file of public records in every side's folder of assets, without the "
        "target; .csv or .parquet."
    )
    digest: DigestText = Field(description="The file's digest; `securefed study try` says it.")
    records: Count = Field(description="How many records the file has.")
    columns: dict[LineText, TypeWord] = Field(
        min_length=2,
        description="What each column holds that the recipe reads: the file's, in its order, and "
        "the target.",
    )


def fusion_of(table: FusionTable | None) -> Fusion | None:
    """What the table says."""
    if table is None:
        return None
    columns = (PublicColumn(name=name, type=kind) for name, kind in table.columns.items())
    return Fusion(
        teachers=table.teachers,
        epochs=table.epochs,
        batch=table.batch,
        target=table.target,
        classes=tuple(table.classes),
        queries=table.queries,
        digest=table.digest,
        records=table.records,
        columns=tuple(columns),
    )
