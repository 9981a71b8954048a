"""What a model's outputs say: chances of classes, or a number; so that several models can agree.

Models are averaged in what their outputs say, not in the outputs: the mean of chances is a chance,
while the mean of two scores means something only if both models scale them alike. `outputs` turns
what was averaged back into what the recipe's losses and tallies read. Chances are float64, in which
near certainty is not yet certainty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from securefed.errors import ModelUnusable
from securefed.recipes.recipe import Recipe

# A chance of zero has no score.
_LEAST = 1e-12


class Meaning(Protocol):
    """How outputs are read. Two models say the same kind of thing where theirs are equal."""

    @property
    def names(self) -> tuple[str, ...]:
        """What each number is of; none where a record has more than a row of them."""
        ...

    def said(self, outputs: Tensor) -> Tensor:
        """Chances and numbers, in the order of the names."""
        ...

    def outputs(self, said: Tensor) -> Tensor:
        """Outputs that say this."""
        ...


@runtime_checkable
class Meaningful(Protocol):
    """A recipe that says what its model's outputs mean."""

    @property
    def meaning(self) -> Meaning:
        """That of one call's outputs."""
        ...


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """A score for each class, in the last dimension."""

    classes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return self.classes

    def said(self, outputs: Tensor) -> Tensor:
        """The chance of each class."""
        return outputs.double().softmax(-1)

    def outputs(self, said: Tensor) -> Tensor:
        """Their logarithms."""
        return said.double().clamp(min=_LEAST).log().float()


@dataclass(frozen=True, kw_only=True)
class Odds:
    """The logit of the second of two classes, [records, 1]."""

    classes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The class that the chance is of."""
        return self.classes[1:]

    def said(self, outputs: Tensor) -> Tensor:
        """The chance of the second class."""
        return outputs.double().sigmoid()

    def outputs(self, said: Tensor) -> Tensor:
        """Its logit."""
        return said.double().logit(_LEAST).float()


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number, in steps from a middle."""

    name: str
    middle: float
    step: float

    @property
    def names(self) -> tuple[str, ...]:
        """What it is of."""
        return (self.name,)

    def said(self, outputs: Tensor) -> Tensor:
        """The number in its own unit."""
        return self.middle + self.step * outputs.double()

    def outputs(self, said: Tensor) -> Tensor:
        """Its distance in steps."""
        return ((said - self.middle) / self.step).float()


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """Several targets' outputs beside each other, `widths` of them to each."""

    parts: tuple[tuple[str, Meaning], ...]
    widths: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Each part's, after its own name."""
        return tuple(f"{name}.{one}" for name, part in self.parts for one in part.names)

    def said(self, outputs: Tensor) -> Tensor:
        """What each part says."""
        pieces = zip(self.parts, torch.split(outputs, list(self.widths), -1), strict=True)
        return torch.cat([part.said(piece) for (_, part), piece in pieces], -1)

    def outputs(self, said: Tensor) -> Tensor:
        """The parts' outputs."""
        pieces = zip(self.parts, torch.split(said, list(self.widths), -1), strict=True)
        return torch.cat([part.outputs(piece) for (_, part), piece in pieces], -1)


def meaning_of(recipe: Recipe) -> Meaning:
    """What a recipe's outputs mean."""
    if isinstance(recipe, Meaningful):
        return recipe.meaning
    raise ModelUnusable(
        "The recipe does not say what its model's outputs mean",
        hint="Code of a study's own is evaluated alone, without predictions.",
    )


def expect_same(meanings: Sequence[Meaning]) -> Meaning:
    """The one meaning of several models. Raises ModelUnusable where there are two."""
    first, *rest = meanings
    for number, one in enumerate(rest, 2):
        if one != first:
            raise ModelUnusable(
                f"Model 1 and model {number} do not predict the same",
                hint="Models of one task have the same classes in the same order, or the same "
                "range.",
            )
    return first
