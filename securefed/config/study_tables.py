"""The tables of `study.toml` and what each key means."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, model_validator

from securefed.config.combining_tables import CombiningTable
from securefed.config.fields import (
    Count,
    CountOrNone,
    DatasetText,
    KeyText,
    LineText,
    NameText,
    Positive,
    Proportion,
    SamplingWord,
    SiteText,
    StudyText,
    SuiteWord,
    Table,
    VersionText,
    choice_schema,
    exact,
    none_twice,
    one_of,
    text_of,
    whole,
)
from securefed.config.fusion_tables import FusionTable
from securefed.config.problems import Unfit
from securefed.domain.canonical import decimal_text
from securefed.domain.identifiers import Sentence
from securefed.domain.privacy import Sampling
from securefed.domain.study import PRECISIONS
from securefed.errors import NumberInvalid

_WANTED = "text, a number, true or false, or a list of texts without commas"


def _word(value: object) -> str:
    if not isinstance(value, str) or "," in value:
        raise Unfit(_WANTED)
    return value


def _parameter(value: object) -> Sentence:
    """A parameter's value as the text that is signed; the recipe reads it by its own type."""
    match value:
        case bool():
            return Sentence("true" if value else "false")
        case int():
            return Sentence(str(whole(value)))
        case Decimal():
            try:
                return Sentence(decimal_text(exact(value)))
            except NumberInvalid as error:
                raise Unfit("a number of ordinary size") from error
        case str():
            return text_of(Sentence)(value)
        case [str(), *_]:
            return text_of(Sentence)(", ".join(_word(word) for word in value))
    raise Unfit(_WANTED)


_ANY_WORD = WithJsonSchema(
    {"type": ["string", "number", "boolean", "array"], "items": {"type": "string"}}
)
ParameterValue = Annotated[Sentence, PlainValidator(_parameter), _ANY_WORD]


def _precision(value: object) -> int:
    if whole(value) not in PRECISIONS:
        raise Unfit(f"one of {', '.join(map(str, PRECISIONS))}")
    return whole(value)


PrecisionNumber = Annotated[
    int, PlainValidator(_precision), WithJsonSchema({"type": "integer", "enum": list(PRECISIONS)})
]


class Shown(StrEnum):
    """Whose figures are shown."""

    SUM = "sum"
    SITE = "site"


ShownWord = Annotated[Shown, PlainValidator(one_of(Shown)), choice_schema(Shown)]


class RecipeTable(Table):
    """What is trained."""

    name: NameText = Field(description="The recipe's name.")
    version: VersionText = Field(description="The recipe's version; a site runs exactly this one.")
    parameters: dict[LineText, ParameterValue] = Field(
        default_factory=dict, description="The recipe's parameters, by name."
    )
    own_code: LineText | None = Field(
        default=None, description="A Python file of your own, relative to this file's folder."
    )


class ModelTable(Table):
    """The shape of what is sent."""

    family: NameText = Field(description="The model family; a site asks a person about a new one.")
    parameters: Count = Field(description="How many trained parameters an update has.")


class RoundsTable(Table):
    """How often the sites train."""

    count: Count = Field(description="How many rounds the study has.")
    spare: CountOrNone = Field(
        default=0, description="How many failed attempts may be repeated; each is paid for."
    )
    minimum_sites: Count = Field(description="How many sites a round needs to close.")


class MetricsTable(Table):
    """What is measured in each round, under noise of its own."""

    noise_multiplier: Positive = Field(description="The metrics' noise multiplier, σ.")
    releases: Count = Field(description="How many sets of metrics a round releases.")


class SharedMetricsTable(MetricsTable):
    """What is measured in each round, and whose figures are shown."""

    shown: ShownWord | None = Field(
        default=None,
        description="The figures that are shown: those of the sum over all sites, which is opened "
        "with the updates' sum, or each site's own. The sum wherever updates are sealed.",
    )
    numbers: Count | None = Field(
        default=None,
        description="How many numbers a tally has; for a sum. `securefed study try` says it.",
    )


class PrivacyTable(Table):
    """What one attempt at a round does to a site's data, unless the site's table says otherwise."""

    noise_multiplier: Positive = Field(description="The noise multiplier of each step, σ.")
    sampling_rate: Proportion = Field(description="Each record's chance to be in a step, q.")
    steps: Count | None = Field(
        default=None, description="How many steps one round takes; or state local_epochs."
    )
    local_epochs: Positive | None = Field(
        default=None,
        description="How often a round draws each record on average; over the sampling rate, "
        "that is its steps, which must be a whole number.",
    )
    clip: Positive = Field(description="The L2 bound of one record's gradient, C.")
    sampling: SamplingWord = Field(
        default=Sampling.POISSON, description="How a step draws its records."
    )
    metrics: SharedMetricsTable | None = Field(
        default=None, description="Noisy metrics of each round; without it none are released."
    )

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.steps is None and self.local_epochs is None:
            raise Unfit("a whole number, or local_epochs", key="steps", got="nothing")
        _refuse_both(self)
        return self


class SitePartTable(Table):
    """One site's part; every key but the dataset replaces the one in [privacy]."""

    dataset: DatasetText = Field(description="The dataset that is read at this site.")
    noise_multiplier: Positive | None = Field(
        default=None, description="This site's noise multiplier, σ."
    )
    sampling_rate: Proportion | None = Field(
        default=None, description="This site's sampling rate, q."
    )
    steps: Count | None = Field(default=None, description="This site's steps in one round.")
    local_epochs: Positive | None = Field(
        default=None, description="How often a round draws each record of this site, in its place."
    )
    clip: Positive | None = Field(default=None, description="This site's L2 bound, C.")
    sampling: SamplingWord | None = Field(
        default=None, description="How a step draws its records at this site."
    )
    metrics: MetricsTable | None = Field(default=None, description="This site's noisy metrics.")

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        _refuse_both(self)
        return self


def _refuse_both(table: PrivacyTable | SitePartTable) -> None:
    """A table says once how long a round is."""
    if table.steps is not None and table.local_epochs is not None:
        raise Unfit("steps or local_epochs, not both", key="local_epochs", got="both")


class SealingTable(Table):
    """How updates are sealed before they leave a site."""

    suite: SuiteWord = Field(description="The suite; 'none' sends noised updates in the clear.")
    update_bound: Positive = Field(description="The L2 bound of a whole update.")
    reach: Positive | None = Field(
        default=None,
        description="The largest size of one value that is sealed; the update's bound if not set.",
    )
    bits: PrecisionNumber = Field(default=16, description="How finely a sealed value is rounded.")
    weight_cap: Count | None = Field(
        default=None,
        description="A site counts by its units, up to so many; if not set, all count alike.",
    )
    coordinator: KeyText | None = Field(
        default=None, description="The key that signs the study's self-tests and sums."
    )
    custodians: Annotated[list[KeyText], AfterValidator(none_twice)] = Field(
        default_factory=list, description="The signing keys of the custodians that open sums."
    )


class RequestTable(Table):
    """The request that each site receives."""

    valid_days: Count = Field(default=7, description="After how many days the request expires.")


class StudyDocument(Table):
    """A study as its data scientist writes it."""

    title: LineText = Field(description="What people call the study.")
    name: StudyText = Field(description="The study's name, the same at every site.")
    purpose: NameText = Field(description="What the study is for, as the data cards name it.")
    recipe: RecipeTable = Field(description="What is trained.")
    model: ModelTable = Field(description="The shape of what is sent.")
    rounds: RoundsTable = Field(description="How often the sites train.")
    privacy: PrivacyTable = Field(description="What one attempt at a round does to a site's data.")
    sealing: SealingTable = Field(description="How updates are sealed before they leave a site.")
    combining: CombiningTable = Field(
        default_factory=CombiningTable, description="How rounds become one model."
    )
    fusion: FusionTable | None = Field(
        default=None, description="Teachers that vote, in place of training what leaves a site."
    )
    request: RequestTable = Field(
        default_factory=RequestTable, description="The request that each site receives."
    )
    sites: dict[SiteText, SitePartTable] = Field(
        min_length=1, description="The sites that are asked, by name."
    )
