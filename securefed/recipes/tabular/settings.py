"""What can be set about tables: which columns are read, in which ranges, and what is predicted.

Every range and category is stated in the study and so is public. A column that is described in a
way that cannot be read, or twice, is an error before any data is opened.
"""

from collections.abc import Callable
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from securefed.recipes.settings import Settings, Words
from securefed.recipes.tabular.inputs import Input, Inputs
from securefed.recipes.tabular.outline import (
    category_input,
    number_input,
    target_in_range,
    target_of_classes,
    truth_input,
)
from securefed.recipes.tabular.targets import BinaryTarget, ClassTarget, RangeTarget, Target

_AIMS: Final = {"binary": BinaryTarget, "multi-class": ClassTarget, "regression": RangeTarget}
_READERS: Final[dict[str, Callable[[str], Input]]] = {
    "numeric": lambda text: number_input(text, limit=1.0),
    "categorical": category_input,
    "boolean": truth_input,
}


def _counts(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


Width = Annotated[int, Field(ge=1, le=10_000)]


class InputSettings(Settings):
    """The columns that are read, and the layers between them and the answer."""

    learning_rate: float = Field(default=1.0, gt=0, le=1000, description="The size of a step.")
    physical_batch: int = Field(
        default=4096, ge=1, le=1_000_000, description="How many records are in memory at a time."
    )
    numeric: Words = Field(
        default=(),
        description="Columns with numbers, each as name:centre:scale, as age:55:10. The model is "
        "given the distance from the centre in scales. State ranges that everybody knows.",
    )
    categorical: Words = Field(
        default=(),
        description="Columns with categories, each as name:word|word, as sex:female|male. Other "
        "words count as missing, unless the last word is *, which stands for all of them.",
    )
    boolean: Words = Field(
        default=(), description="Columns that are true or false; a missing value is between them."
    )
    missing_flags: bool = Field(
        default=False,
        description="Whether the model is told where a number is missing: one more input for each "
        "numeric column. The number itself is then the centre, with or without flags.",
    )
    input_limit: float = Field(
        default=5.0,
        gt=0,
        le=1000,
        description="How many scales from the centre a number is kept within.",
    )
    hidden: Annotated[tuple[Width, ...], BeforeValidator(_counts)] = Field(
        default=(32,), description="The widths of the hidden layers, with commas between them."
    )

    @property
    def inputs(self) -> Inputs:
        """The columns that are read."""
        return Inputs(
            columns=(
                *(number_input(text, self.input_limit) for text in self.numeric),
                *(category_input(text) for text in self.categorical),
                *(truth_input(text) for text in self.boolean),
            ),
            missing_flags=self.missing_flags,
        )

    @property
    def predicted(self) -> tuple[str, ...]:
        """The columns that are predicted, which are not read as inputs."""
        return ()

    @field_validator("numeric", "categorical", "boolean")
    @classmethod
    def _can_be_read(cls, texts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for text in texts:
            _READERS[str(info.field_name)](text)
        return texts

    @model_validator(mode="after")
    def _each_column_once(self) -> "InputSettings":
        names = [one.name for one in self.inputs.columns]
        if not names:
            raise ValueError("no column is read: name some in numeric, categorical or boolean")
        every = [*names, *self.predicted]
        if twice := [name for name in every if every.count(name) > 1]:
            raise ValueError(f"the column {twice[0]!r} stands twice among inputs and targets")
        return self


class TabularSettings(InputSettings):
    """One target from a table."""

    target: str = Field(min_length=1, description="The column that is predicted.")
    task: Literal["binary", "multi-class", "regression"] = Field(
        default="binary", description="What kind of value the target is."
    )
    classes: Words = Field(
        default=("false", "true"),
        description="The target's words, of which binary has two; metrics count the second as "
        "positive. Any other word in the data is refused.",
    )
    low: float = Field(
        default=0.0, description="For regression, the least value; smaller ones count as this."
    )
    high: float = Field(
        default=1.0, description="For regression, the largest value; larger ones count as this."
    )
    model: Literal["logistic", "mlp"] = Field(
        default="logistic",
        description="One linear layer (of family linear for regression), or hidden layers before.",
    )

    @property
    def predicted(self) -> tuple[str, ...]:
        """The one target."""
        return (self.target,)

    @property
    def aim(self) -> Target:
        """What is predicted."""
        if self.task == "regression":
            return target_in_range(self.low, self.high)
        return target_of_classes(self.classes)

    @model_validator(mode="after")
    def _all_fits(self) -> "TabularSettings":
        if not isinstance(self.aim, _AIMS[self.task]):
            raise ValueError(f"{self.task} does not go with {len(self.classes)} classes")
        if self.model == "mlp" and not self.hidden:
            raise ValueError("an mlp has at least one hidden layer")
        return self
