"""What can be set about own code: above all, which columns it is given."""

from pydantic import Field, field_validator

from securefed.domain.identifiers import Name
from securefed.errors import IdentifierInvalid
from securefed.recipes.settings import Settings, Words


class OwnCodeSettings(Settings):
    """A Python file of the study's own."""

    columns: Words = Field(
        min_length=1, description="The columns that the code is given; it sees no others."
    )
    family: str = Field(
        default="own-code", description="The model's family, as policies and reviewers know it."
    )
    largest_loss: float = Field(
        default=10.0,
        gt=0,
        description="For a file without tallies and metrics, the mean loss is the one figure, and "
        "a record's loss counts as this at most.",
    )

    @field_validator("family")
    @classmethod
    def _is_a_name(cls, family: str) -> str:
        try:
            return Name(family)
        except IdentifierInvalid as error:
            raise ValueError(str(error)) from error
