"""What is predicted: one of two classes, one of several, or a number in a public range.

Each kind reads its column, says how far an answer is off, and counts. What no class or range has a
place for is refused; a missing value is none, and what that means is for the recipe to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from securefed.domain.site import ColumnType
from securefed.recipes.meaning import ClassScores, Meaning, Number, Odds
from securefed.recipes.records import Cell
from securefed.recipes.tabular.cells import number_of, refuse, word_of
from securefed.recipes.tallies import BinaryTally, ClassTally, RangeTally, Tally

_WORDS = frozenset({ColumnType.CATEGORY, ColumnType.BOOLEAN, ColumnType.INTEGER})
_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL})
_NO_CLASS = -1


class Target(Protocol):
    """One kind of answer. A model gives `outputs` numbers for it."""

    @property
    def outputs(self) -> int:
        """How many numbers a model gives."""
        ...

    @property
    def types(self) -> frozenset[ColumnType]:
        """What the column can be."""
        ...

    @property
    def tally(self) -> Tally:
        """How answers are counted."""
        ...

    def meaning(self, name: str, /) -> Meaning:
        """What a model's numbers for this column say."""
        ...

    def read(self, cells: Sequence[Cell], column: str) -> Tensor:
        """The column, [records]."""
        ...

    def there(self, wanted: Tensor) -> Tensor:
        """Which of them are not missing."""
        ...

    def losses(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """How far each answer is off, [records]; zero where none is wanted."""
        ...

    def rows(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """What each record adds to the tally."""
        ...

    def made_up(self, scores: Tensor) -> list[Cell]:
        """Values that follow from scores of about standard normal size, [records, outputs]."""
        ...


@dataclass(frozen=True, kw_only=True)
class BinaryTarget:
    """One of two words; the model gives the logit of the second."""

    classes: tuple[str, ...]

    outputs = 1
    types = _WORDS

    @property
    def tally(self) -> BinaryTally:
        """By label and score."""
        return BinaryTally()

    def meaning(self, _name: str, /) -> Meaning:
        """The chance of the second word."""
        return Odds(classes=self.classes)

    def read(self, cells: Sequence[Cell], column: str) -> Tensor:
        """Class numbers."""
        return _class_numbers(self.classes, cells, column)

    def there(self, wanted: Tensor) -> Tensor:
        """Which have a class."""
        return wanted != _NO_CLASS

    def losses(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """Cross entropy."""
        there = self.there(wanted)
        each = functional.binary_cross_entropy_with_logits(
            outputs.squeeze(1), torch.where(there, wanted, 0).float(), reduction="none"
        )
        return torch.where(there, each, 0.0)

    def rows(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """By label and score."""
        return self.tally.rows(outputs.squeeze(1), wanted)

    def made_up(self, scores: Tensor) -> list[Cell]:
        """The second class where the score is above zero."""
        return [self.classes[int(score > 0)] for score in scores[:, 0].tolist()]


@dataclass(frozen=True, kw_only=True)
class ClassTarget:
    """One of several words; the model gives a logit for each."""

    classes: tuple[str, ...]

    types = _WORDS

    @property
    def outputs(self) -> int:
        """One for each class."""
        return len(self.classes)

    @property
    def tally(self) -> ClassTally:
        """By label, right or wrong."""
        return ClassTally(classes=len(self.classes))

    def meaning(self, _name: str, /) -> Meaning:
        """A chance for each word."""
        return ClassScores(classes=self.classes)

    def read(self, cells: Sequence[Cell], column: str) -> Tensor:
        """Class numbers."""
        return _class_numbers(self.classes, cells, column)

    def there(self, wanted: Tensor) -> Tensor:
        """Which have a class."""
        return wanted != _NO_CLASS

    def losses(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """Cross entropy."""
        return functional.cross_entropy(outputs, wanted, reduction="none", ignore_index=_NO_CLASS)

    def rows(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """By label, right or wrong."""
        return self.tally.rows(outputs, wanted)

    def made_up(self, scores: Tensor) -> list[Cell]:
        """The class of the largest score."""
        return [self.classes[place] for place in scores.argmax(1).tolist()]


@dataclass(frozen=True, kw_only=True)
class RangeTarget:
    """A number in a public range; one beyond it counts as the nearer end.

    The model gives its distance from the middle in halves of the range."""

    low: float
    high: float

    outputs = 1
    types = _NUMBERS

    @property
    def tally(self) -> RangeTally:
        """By size of the error."""
        return RangeTally(low=self.low, high=self.high)

    def meaning(self, name: str, /) -> Meaning:
        """The number itself."""
        return Number(name=name, middle=self._middle, step=self._half)

    def read(self, cells: Sequence[Cell], column: str) -> Tensor:
        """Numbers; NaN where one is missing."""
        values = [number_of(cell, i, column) for i, cell in enumerate(cells)]
        return torch.tensor(values, dtype=torch.float64).clamp(self.low, self.high).float()

    def there(self, wanted: Tensor) -> Tensor:
        """Which have a number."""
        return ~wanted.isnan()

    def losses(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """Half the square of the distance."""
        scaled = (wanted.nan_to_num() - self._middle) / self._half
        each = (outputs.squeeze(1) - scaled).square() / 2
        return torch.where(self.there(wanted), each, 0.0)

    def rows(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """By size of the error."""
        return self.tally.rows(self._middle + self._half * outputs.squeeze(1), wanted)

    def made_up(self, scores: Tensor) -> list[Cell]:
        """Nearly all of the range."""
        values = self._middle + self._half * torch.tanh(scores[:, 0])
        return [round(value, 3) for value in values.tolist()]

    @property
    def _middle(self) -> float:
        return (self.low + self.high) / 2

    @property
    def _half(self) -> float:
        return (self.high - self.low) / 2


def _class_numbers(classes: tuple[str, ...], cells: Sequence[Cell], column: str) -> Tensor:
    places = {word: place for place, word in enumerate(classes)}
    found = []
    for i, cell in enumerate(cells):
        word = word_of(cell, i, column)
        if word is not None and word not in places:
            refuse(i, column, f"one of {', '.join(classes)}")
        found.append(_NO_CLASS if word is None else places[word])
    return torch.tensor(found, dtype=torch.int64)
