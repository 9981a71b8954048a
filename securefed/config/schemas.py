"""The JSON Schemas of every configuration file, for editors and for `docs/schemas`."""

from securefed.config.card import CardDocument
from securefed.config.document import outline_of
from securefed.config.outline import Schema
from securefed.config.policy import PolicyDocument
from securefed.config.site_tables import SiteDocument
from securefed.config.study_tables import StudyDocument

_DOCUMENTS = {
    "site": SiteDocument,
    "dataset": CardDocument,
    "study": StudyDocument,
    "policy": PolicyDocument,
}


def schemas() -> dict[str, Schema]:
    """Each schema by its file name."""
    return {f"{name}.schema.json": outline_of(model).schema for name, model in _DOCUMENTS.items()}
