"""What can be set about any recipe that begins with a pretrained model."""

from typing import Literal

from pydantic import Field

from securefed.recipes.settings import Settings, Words

TINY = "tiny"


class PretrainedSettings(Settings):
    """Which model, how much of a text it reads, and how LoRA adapts it."""

    model: str = Field(
        default=TINY,
        min_length=1,
        max_length=200,
        description="The name of a model's folder among the site's assets; 'tiny' is a very small "
        "untrained model that needs no folder.",
    )
    model_sha256: str = Field(
        default="",
        description="The digest of the folder, as 'securefed model fetch' prints it; empty for "
        "'tiny'.",
    )
    text: str = Field(default="text", min_length=1, description="The column that holds the text.")
    files: bool = Field(
        default=False,
        description="Whether texts are files: the column 'file' names each, 'sha256' its digest.",
    )
    max_tokens: int = Field(
        default=128, ge=2, le=32768, description="How many tokens of a text are read."
    )
    lora_rank: int = Field(default=8, ge=1, le=256, description="LoRA: width of the matrices.")
    lora_alpha: float = Field(
        default=16, gt=0, le=4096, description="LoRA: they count alpha divided by rank."
    )
    lora_trains: Literal["thin", "core"] = Field(
        default="thin",
        description="LoRA: both thin matrices of each layer; or only a core of rank times rank "
        "numbers between two that stay, the largest singular directions of the layer's own weight.",
    )
    lora_targets: Words = Field(
        default=(),
        description="LoRA: names of the layers that are adapted, or ends of their full names, as "
        "layer.5.attention.self.value; empty takes those that peft knows for the model's kind. "
        "What lies below the first of them costs no backward pass.",
    )
