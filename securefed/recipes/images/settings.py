"""What can be set about images: what is read, how it becomes numbers, and which model looks at it.

None of it is measured on private data: size, normalisation and class weights are the scientist's
own choice and stand in the study.
"""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from securefed.recipes.settings import Settings, Words

CNN, VIT = "cnn", "vit"


def _split(value: object) -> object:
    return [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value


# Several numbers in one parameter, with commas between them.
_Weights = Annotated[tuple[Annotated[float, Field(gt=0, le=1000)], ...], BeforeValidator(_split)]


class ImagesSettings(Settings):
    """Which images, which classes, which model and which of its weights."""

    target: str = Field(
        default="label", min_length=1, description="The column that holds the class."
    )
    classes: Words = Field(
        default=("0", "1"), min_length=2, description="The classes, as the column writes them."
    )
    class_weights: _Weights = Field(
        default=(),
        description="How much a record of each class counts in the loss, in the order of classes; "
        "empty: all the same. Public numbers, never counts of private data.",
    )
    boxes: bool = Field(
        default=False,
        description="Whether a record is the part of its image within the columns xmin, ymin, xmax "
        "and ymax, in pixels from the upper left corner; the last row and column are outside.",
    )
    size: int = Field(
        default=32, ge=4, le=1024, description="What an image is resized to, width and height."
    )
    colour: bool = Field(default=True, description="Whether colours are seen, or only grey.")
    mean: float = Field(
        default=0.5, ge=0, le=1, description="What is taken from a pixel's value between 0 and 1."
    )
    spread: float = Field(
        default=0.5, gt=0, le=1, description="What a pixel's value is divided by after that."
    )
    model: str = Field(
        default=CNN,
        min_length=1,
        max_length=200,
        description="'cnn': convolutions with group normalisation; 'vit': a small vision "
        "transformer; or the name of a model's folder among the site's assets.",
    )
    model_sha256: str = Field(
        default="",
        description="The digest of the folder, as 'securefed model fetch' prints it; empty for "
        "'cnn' and 'vit'.",
    )
    width: int = Field(
        default=16,
        ge=4,
        le=1024,
        multiple_of=4,
        description="cnn: channels of the first convolution, doubled by each further one; vit: "
        "numbers for each patch.",
    )
    depth: int = Field(default=3, ge=1, le=24, description="Convolutions, or layers of the vit.")
    heads: int = Field(default=4, ge=1, le=64, description="vit: heads of attention in a layer.")
    patch: int = Field(
        default=8, ge=2, le=256, description="vit: width and height of a patch, in pixels."
    )
    train: Literal["all", "head", "lora"] = Field(
        default="all",
        description="Which weights are trained: all, the last layer, or LoRA's matrices with the "
        "last layer.",
    )
    lora_rank: int = Field(default=4, ge=1, le=256, description="LoRA: width of the matrices.")
    lora_alpha: float = Field(
        default=16, gt=0, le=4096, description="LoRA: they count alpha divided by rank."
    )
    lora_targets: Words = Field(
        default=("q_proj", "v_proj", "query", "value"),
        min_length=1,
        description="LoRA: names of layers, of which those that a model has are adapted.",
    )

    @property
    def channels(self) -> int:
        """Numbers for each pixel."""
        return 3 if self.colour else 1

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if len(set(self.classes)) != len(self.classes) or "" in self.classes:
            raise ValueError("classes are not empty, and each stands once")
        if self.class_weights and len(self.class_weights) != len(self.classes):
            raise ValueError("class_weights has a number for each class, or none")
        if self.model == CNN:
            self._check_cnn()
        if self.model == VIT:
            self._check_vit()
        return self

    def _check_cnn(self) -> None:
        if self.train == "lora":
            raise ValueError("LoRA is for transformers: choose another model, or train all")
        if self.size < 2**self.depth or self.depth > 6:
            raise ValueError(
                "each convolution halves the image: size is at least 2 to the depth, "
                "and depth at most 6"
            )

    def _check_vit(self) -> None:
        if self.size % self.patch or self.width % self.heads:
            raise ValueError("patch divides size, and heads divides width")
