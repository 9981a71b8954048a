"""What can be set about training, whatever the recipe; each recipe adds settings of its own.

A study gives settings as text, signed as it stands; here text becomes numbers, and a name that no
setting has, or a value outside its range, is an error that names both. None of them touches
privacy: noise, sampling, steps and clip are the mechanism's, which is not a recipe's business.
"""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from securefed.domain.study import Parameter
from securefed.errors import ConfigInvalid


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",")) if value.strip() else ()
    return value


# Several words in one parameter, with commas between them.
Words = Annotated[tuple[str, ...], BeforeValidator(_split)]


class Settings(BaseModel):
    """What every recipe has; a recipe may set other defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    optimizer: Literal["sgd", "adam"] = Field(
        default="sgd", description="How a step's noised gradient moves the weights."
    )
    learning_rate: float = Field(default=0.1, gt=0, le=1000, description="The size of a step.")
    momentum: float = Field(default=0.0, ge=0, lt=1, description="Momentum; for sgd only.")
    weight_decay: float = Field(
        default=0.0, ge=0, le=10, description="How far each step pulls the weights towards zero."
    )
    average: bool = Field(
        default=False,
        description="Whether the update is the mean of the weights after each step of the round, "
        "in place of those after the last: less noise at no cost.",
    )
    physical_batch: int = Field(
        default=256, ge=1, le=1_000_000, description="How many records are in memory at a time."
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32",
        description="What activations are computed in; weights and noise are always float32.",
    )
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="The public seed of the first weights."
    )
    personal: Words = Field(
        default=(),
        description="Parts of the model that stay at each site and are never sent, by name, as "
        "head. They are trained by the same noised steps.",
    )
    start: str = Field(
        default="",
        max_length=96,
        description="The folder of an exported model among the site's assets: training begins with "
        "its weights. Empty: with the recipe's own.",
    )
    start_sha256: str = Field(
        default="", description="The digest of that folder, as 'securefed model digest' prints it."
    )
    start_without: Words = Field(
        default=(),
        description="Which of its weights are left out, by how their names begin, as head: those "
        "begin anew.",
    )


Chosen = TypeVar("Chosen", bound=Settings)


def read_settings(kind: type[Chosen], parameters: tuple[Parameter, ...]) -> Chosen:
    """A study's parameters as the settings of a recipe."""
    given = {str(parameter.name): str(parameter.value) for parameter in parameters}
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "the parameters together"
        known = ", ".join(sorted(kind.model_fields))
        raise ConfigInvalid(
            f"{name}: {first['msg']}, and {error.error_count()} in all",
            where="recipe.parameters",
            hint=f"The recipe's parameters are: {known}.",
        ) from None
