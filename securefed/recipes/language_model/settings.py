"""What can be set about language models."""

from typing import Literal

from pydantic import Field

from securefed.recipes.pretrained.settings import PretrainedSettings


class LanguageModelSettings(PretrainedSettings):
    """Which weights are trained, and up to which loss texts are told apart in the metrics."""

    train: Literal["all", "lora"] = Field(
        default="all", description="Which weights are trained: all, or LoRA's matrices."
    )
    loss_bound: float = Field(
        default=10.0,
        gt=0,
        le=100,
        description="A text's mean loss counts up to this in the metrics; it is public.",
    )
