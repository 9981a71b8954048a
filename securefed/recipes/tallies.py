"""What metrics are made of: a short vector for each record, and figures from the sum of many.

A record's vector has L2 norm one at most, whatever the model answers, NaN and infinity included, so
that one noise protects the sum. A record without a label adds nothing. Sums can be noised: figures
are kept in their range, and are NaN where nothing is left to tell them from. Nothing is drawn here.

    tally = BinaryTally()
    tally.metrics(tally.rows(logits, labels).sum(0))
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Tally(Protocol):
    """Counts one kind of answer."""

    @property
    def numbers(self) -> int:
        """How long a record's vector is."""
        ...

    def rows(self, answers: Tensor, targets: Tensor) -> Tensor:
        """The vector of each record, [records, numbers]."""
        ...

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """The figures of a sum of vectors."""
        ...


@dataclass(frozen=True, kw_only=True)
class BinaryTally:
    """Two classes, by label, right or wrong and bin of the score: accuracy, balanced accuracy, F1
    of class one, AUC.

    Answers are logits of class one, [records]; a target other than 0 and 1 is no label. AUC takes
    scores within a bin as equal. An answer that is not a number counts as surely wrong. Right and
    wrong are counted beside the bins, since a sum over many bins has the noise of all of them."""

    bins: int = 10

    @property
    def numbers(self) -> int:
        """Right and wrong of each label, and a number for each label and bin."""
        return 4 + 2 * self.bins

    def rows(self, answers: Tensor, targets: Tensor) -> Tensor:
        """A mark in the place of label and answer, and one in that of label and bin."""
        scores = torch.sigmoid(answers.detach().float())
        scores = torch.where(scores.isnan(), (targets == 0).float(), scores)
        places = (scores * self.bins).long().clamp(0, self.bins - 1)
        right = (scores >= 0.5) == (targets == 1)
        labelled = _labelled(targets, 2)
        marks = _one_hot(targets * 2 + right.long(), 4, labelled)
        bins = _one_hot(targets * self.bins + places, 2 * self.bins, labelled)
        return joined_rows([marks, bins])

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """Accuracy, balanced accuracy and F1 at one half, and the area under the curve."""
        counts = tally.detach().double().cpu() * math.sqrt(2)
        marks, bins = counts[:4].view(2, 2), counts[4:].view(2, self.bins)
        there = marks.sum(1)
        (taken, _), (missed, found) = marks.tolist()
        return {
            **_classified(marks[:, 1], there),
            "f1": _share(2 * found, 2 * found + taken + missed),
            "auc": _area(bins[0], bins[1]),
        }


@dataclass(frozen=True, kw_only=True)
class ClassTally:
    """Several classes, by label and whether the answer is right, and by what a wrong answer says:
    accuracy, balanced accuracy and the mean of the classes' F1.

    Answers are logits, [records, classes]; a target outside the classes is no label. Not the whole
    table of mistakes: its noise would grow with the square of the classes. A right answer is one
    mark of full size; a wrong one is two smaller marks, so that norm one is used up by both."""

    classes: int

    @property
    def numbers(self) -> int:
        """Three numbers for each class."""
        return 3 * self.classes

    def rows(self, answers: Tensor, targets: Tensor) -> Tensor:
        """Marks in the places of the label, and of the class that it was taken for."""
        usable = ~answers.detach().isnan().any(1)
        told, labelled = answers.detach().argmax(1), _labelled(targets, self.classes)
        right = (told == targets) & usable
        return torch.cat(
            [
                _one_hot(targets, self.classes, labelled & right),
                _one_hot(targets, self.classes, labelled & ~right) / math.sqrt(2),
                _one_hot(told, self.classes, labelled & usable & ~right) / math.sqrt(2),
            ],
            1,
        )

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """Accuracy, the mean of each class's own, and the mean of each class's F1."""
        right, missed, taken = tally.detach().double().cpu().view(3, self.classes)
        missed, taken = missed * math.sqrt(2), taken * math.sqrt(2)
        there = right + missed
        ones = [
            _share(2 * hit, 2 * hit + other)
            for hit, other, count in zip(
                right.tolist(), (missed + taken).tolist(), there.tolist(), strict=True
            )
            if count > 0
        ]
        known = [one for one in ones if not math.isnan(one)]
        mean = sum(known) / len(known) if known else math.nan
        return {**_classified(right, there), "f1": mean}


@dataclass(frozen=True, kw_only=True)
class RangeTally:
    """Numbers in a public range: the errors of answers that are kept within it, RMSE and MAE.

    Answers and targets are [records], in the target's own unit; a target that is NaN is missing.
    An answer that is not a number is wrong by the whole range."""

    low: float
    high: float

    @property
    def numbers(self) -> int:
        """A count, an absolute error and a squared one."""
        return 3

    def rows(self, answers: Tensor, targets: Tensor) -> Tensor:
        """One, the error as a share of the range, and its square, scaled to norm one at most."""
        kept = answers.detach().float().clamp(self.low, self.high)
        error = (kept - targets.clamp(self.low, self.high)).abs() / (self.high - self.low)
        error = error.nan_to_num(nan=1.0).clamp(0, 1)
        rows = torch.stack([torch.ones_like(error), error, error.square()], 1) / math.sqrt(3)
        return torch.where(targets.isnan()[:, None], 0.0, rows)

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """The root of the mean squared error, and the mean absolute error."""
        count, absolute, squared = tally.detach().double().cpu().tolist()
        width = self.high - self.low
        return {
            "rmse": width * math.sqrt(_share(squared, count)),
            "mae": width * _share(absolute, count),
        }


@dataclass(frozen=True, kw_only=True)
class MeanTally:
    """The mean of a number that each record has, as its loss, kept between zero and `most`.

    Answers are the numbers, [records]; NaN counts as `most`. A target of NaN leaves one out."""

    name: str
    most: float

    @property
    def numbers(self) -> int:
        """A count and a sum."""
        return 2

    def rows(self, answers: Tensor, targets: Tensor) -> Tensor:
        """One, and the number as a share of the most, scaled to norm one at most."""
        share = (answers.detach().float() / self.most).nan_to_num(nan=1.0).clamp(0, 1)
        rows = torch.stack([torch.ones_like(share), share], 1) / math.sqrt(2)
        return torch.where(targets.isnan()[:, None], 0.0, rows)

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """The mean, under its name."""
        count, total = tally.detach().double().cpu().tolist()
        return {self.name: self.most * _share(total, count)}


def joined_rows(parts: Sequence[Tensor]) -> Tensor:
    """Several vectors of each record as one, scaled so that its norm is one at most."""
    return torch.cat(tuple(parts), 1) / math.sqrt(len(parts))


def parted(tally: Tensor, tallies: Sequence[Tally]) -> tuple[Tensor, ...]:
    """A sum of joined vectors, as the sums of the parts."""
    return torch.split(tally * math.sqrt(len(tallies)), [one.numbers for one in tallies])


def _labelled(targets: Tensor, classes: int) -> Tensor:
    return (targets >= 0) & (targets < classes)


def _one_hot(places: Tensor, numbers: int, labelled: Tensor) -> Tensor:
    kept = torch.where(labelled, places, 0)
    return functional.one_hot(kept, numbers).float() * labelled[:, None]


def _classified(right: Tensor, there: Tensor) -> dict[str, float]:
    found = there > 0
    recalls = (right[found] / there[found]).clamp(0, 1)
    return {
        "accuracy": _share(right.sum().item(), there.sum().item()),
        "balanced_accuracy": recalls.mean().item() if len(recalls) > 1 else math.nan,
    }


def _area(negatives: Tensor, positives: Tensor) -> float:
    """How often a positive scores above a negative; equal scores count one half. Out of the bins'
    own totals, since much of their noise is then in both and falls out."""
    there = torch.stack([negatives.sum(), positives.sum()])
    if there.min() <= 0:
        return math.nan
    below = negatives.cumsum(0) - negatives / 2
    return _share((positives * below).sum().item(), there.prod().item())


def _share(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole)) if whole > 0 else math.nan
