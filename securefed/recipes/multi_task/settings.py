"""What can be set about training for several targets at once."""

import math
from dataclasses import dataclass

from pydantic import Field, model_validator

from securefed.recipes.settings import Words
from securefed.recipes.tabular.outline import target_in_words
from securefed.recipes.tabular.settings import InputSettings
from securefed.recipes.tabular.targets import Target


@dataclass(frozen=True, kw_only=True)
class Head:
    """One target, and how much its loss counts."""

    name: str
    aim: Target
    weight: float


class MultiTaskSettings(InputSettings):
    """Several targets from a table."""

    targets: Words = Field(
        description="What is predicted, each as name:word|word for two or more classes or "
        "name:low..high for a number, with :weight after it where its loss counts more or less "
        "than one. A record without a value of one target teaches nothing about it.",
    )

    @property
    def heads(self) -> tuple[Head, ...]:
        """The targets."""
        return tuple(_head(text) for text in self.targets)

    @property
    def predicted(self) -> tuple[str, ...]:
        """The columns of all targets."""
        return tuple(head.name for head in self.heads)

    @model_validator(mode="after")
    def _something_to_share(self) -> "MultiTaskSettings":
        if len(self.targets) < 2:
            raise ValueError("there are at least two targets; for one, use the recipe tabular")
        if not self.hidden:
            raise ValueError("targets share at least one hidden layer")
        return self


def _head(text: str) -> Head:
    name, *rest = (part.strip() for part in text.split(":"))
    if not name or len(rest) not in (1, 2):
        raise ValueError(f"{text!r} is not name:word|word or name:low..high, with :weight or not")
    return Head(name=name, aim=target_in_words(rest[0]), weight=_weight(rest[1:], text))


def _weight(stated: list[str], text: str) -> float:
    try:
        weight = float(stated[0]) if stated else 1.0
    except ValueError:
        weight = math.nan
    if not 0 < weight <= 1000:
        raise ValueError(f"{text!r} has a weight that is not above 0 and at most 1000")
    return weight
