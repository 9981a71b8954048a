"""The form of `deployment.yaml`: our own schema of a registry record at the third tier.

Written from the public description of the OpenDP deployments registry and from its public records;
it names the same fields, and demands all of those that the third tier asks for.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from securefed.config.document import outline_of
from securefed.config.fields import Exact, Table
from securefed.config.outline import Schema
from securefed.domain.report.deployment import Record
from securefed.errors import RecordInvalid

Words = Annotated[str, StringConstraints(min_length=1)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class Curator(Table):
    """Who holds the data."""

    data_curator_name: Words
    data_curator_type: Words


class Basic(Table):
    """What is deployed: the first tier."""

    name: Words
    data_curators: list[Curator] = Field(min_length=1)
    description: Words
    intended_use: Words
    data_product_type: Words
    data_product_region: Words
    data_product_sector: Words
    publication_date: Day


class Variant(Table):
    """Which differential privacy, over which data, and what it leaves out."""

    variant_name: Words
    data_domain: Words
    unprotected_quantities: Words


class Parameters(Table):
    """ε and δ."""

    epsilon: Exact | Literal["infinite"]
    delta: Exact


class Loss(Table):
    """Whose privacy, and how much."""

    privacy_unit: Words
    privacy_unit_details: Words
    privacy_parameters: Parameters
    privacy_parameters_details: Words


class DeploymentModel(Table):
    """Where noise is added, and how results are released."""

    model_name: Words
    model_details: Words
    release_type: Words
    release_type_details: Words
    data_source_type: Words
    access_type: Words
    access_type_details: Words


class Accounting(Table):
    """What is done to results, and how losses add up."""

    post_processing: Words
    composition: Words


class Implementation(Table):
    """How it is built, and why so."""

    preprocessing_and_hyperparameter_tuning: Words
    mechanisms: Words
    justification: Words
    security: Words


class Citation(Table):
    """A source."""

    title: Words
    sha256: Words
    year: int


class EvidenceSource(Table):
    """What the record rests on."""

    evidence_source_type: Words
    citation: Citation


class Administrative(Table):
    """Who wrote the record, and how far it goes."""

    evidence_sources: dict[str, EvidenceSource]
    notes: Words
    status: Words
    registry_authors: list[Words] = Field(min_length=1)
    tier: Annotated[int, Field(ge=3, le=3)]


class Deployment(Table):
    """All parts of a record."""

    basic: Basic
    dp_variant: Variant
    privacy_loss: Loss
    deployment_model: DeploymentModel
    accounting: Accounting
    implementation: Implementation
    administrative: Administrative


class DeploymentDocument(Table):
    """A registry record at the third tier."""

    url_slug: Slug
    deployment: Deployment


def check_deployment(record: Record) -> None:
    """Refuses a record that does not fit the schema; that is a defect of the program."""
    try:
        DeploymentDocument.model_validate(record)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
        raise RecordInvalid(f"The registry record is not of its form: {places}") from error


def deployment_schema() -> Schema:
    """The JSON Schema."""
    return outline_of(DeploymentDocument).schema
