"""Reading one kind of document: a TOML file that must fit a model.

The way every configuration file takes: bytes, TOML, the model's fields, and an error that lists all
that is wrong. What the document then means is the business of the file that calls this.
"""

from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from securefed.config.fields import Table
from securefed.config.outline import Outline
from securefed.config.problems import problems_of, refused
from securefed.config.toml_file import read_toml

Document = TypeVar("Document", bound=Table)


def read_document(path: Path, model: type[Document]) -> Document:
    """The file as its model, or every problem that it has."""
    return checked_document(path, read_toml(path), model)


def checked_document(path: Path, values: dict[str, object], model: type[Document]) -> Document:
    """A file's values as its model."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise refused(path, problems_of(error, outline_of(model))) from error


@cache
def outline_of(model: type[Table]) -> Outline:
    """A model's outline, made once."""
    return Outline(model)
