"""What can be set about text classification."""

from typing import Literal, Self

from pydantic import Field, model_validator

from securefed.recipes.pretrained.settings import PretrainedSettings
from securefed.recipes.settings import Words


class TextSettings(PretrainedSettings):
    """Which classes there are, which weights are trained, and how a text becomes one vector."""

    target: str = Field(
        default="label", min_length=1, description="The column that holds the class."
    )
    classes: Words = Field(
        default=("0", "1"), min_length=2, description="The classes, as the column writes them."
    )
    train: Literal["all", "head", "lora"] = Field(
        default="all",
        description="Which weights are trained: all, the last layer, or LoRA's matrices with the "
        "last layer.",
    )
    pooling: Literal["model", "mean"] = Field(
        default="model",
        description="The model's own classifier; or a linear layer on the mean of the tokens, of "
        "length one, for a folder that holds an encoder of sentences.",
    )

    @model_validator(mode="after")
    def _classes_differ(self) -> Self:
        if len(set(self.classes)) != len(self.classes) or "" in self.classes:
            raise ValueError("classes are not empty, and each stands once")
        return self
