"""Teachers: a site's units in disjoint parts, a model for each, and what it votes for.

Promises what the accounting rests on: a unit's part depends on its own random word alone, and a
teacher on the units of its part, its own seed and public things alone. So one unit more or less, or
another in its place, changes one teacher's votes and nobody else's. A vote is the class under which
a record's loss is least; a teacher without units, or whose losses are not all finite, has no vote
there. How many units a teacher has is private, and never looked at.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from securefed.adapters.opacus_training.fusion.fitting import Lesson, checked, fitted
from securefed.adapters.opacus_training.fusion.questions import Questions
from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose
from securefed.adapters.opacus_training.training import first_model
from securefed.domain.fusion import Fusion
from securefed.recipes.files.source import Numbers, RecordSource
from securefed.recipes.files.units import Words
from securefed.recipes.recipe import Recipe
from securefed.recipes.records import Records

Parts: TypeAlias = NDArray[np.uint64]
NO_VOTE = -1


@dataclass(frozen=True, kw_only=True)
class Chance:
    """What a site's vote is drawn by: the part of each unit, and each teacher's seed."""

    parts: Parts
    seeds: tuple[int, ...]

    @classmethod
    def fresh(cls, units: int, teachers: int) -> "Chance":
        """From a keystream that was never there before."""
        return cls.drawn(units, teachers, KeyStream(Purpose.SAMPLING).words)

    @classmethod
    def drawn(cls, units: int, teachers: int, words: Words) -> "Chance":
        """From these words, first the seeds and then a word for each unit."""
        seeds = tuple((words(teachers) >> np.uint64(1)).tolist())
        return cls(parts=parts_of(units, teachers, words), seeds=seeds)


def parts_of(units: int, teachers: int, words: Words) -> Parts:
    """The part of each unit, by its own word: no unit moves where another comes or goes. Parts are
    not equally large; a split into equal ones would move units."""
    parts: Parts = words(units) % np.uint64(teachers)
    return parts


def units_of(parts: Parts, teacher: int) -> Numbers:
    """The units of a teacher."""
    return np.flatnonzero(parts == teacher)


@dataclass(frozen=True, kw_only=True)
class School:
    """What every teacher of a site is trained and asked with; each begins as a copy of `first`."""

    recipe: Recipe
    first: nn.Module
    source: RecordSource
    fusion: Fusion
    questions: Questions
    device: torch.device
    on_teacher: Callable[[int], None] = field(default=lambda _: None)

    @classmethod
    def opened(
        cls,
        recipe: Recipe,
        source: RecordSource,
        fusion: Fusion,
        queries: Records,
        device: torch.device,
    ) -> "School":
        """With the recipe's first model, which has looked at the public records: what a frozen
        encoder makes of them it makes once, and not for each teacher."""
        first = first_model(recipe).to(device)
        school = cls(
            recipe=recipe,
            first=first,
            source=source,
            fusion=fusion,
            questions=Questions(recipe=recipe, fusion=fusion, queries=queries, device=device),
            device=device,
        )
        opinion_of(school, first)
        return school


def opinions(school: School, chance: Chance) -> Iterator[Tensor]:
    """Each teacher's loss of each public record under each class, [records, classes]. Private."""
    return (_opinion(school, chance, one) for one in range(school.fusion.teachers))


def ballots(opinions: Iterable[Tensor]) -> Tensor:
    """What each teacher votes for on each public record, [teachers, records]. Private."""
    return torch.stack([voted(one) for one in opinions])


def voted(losses: Tensor) -> Tensor:
    """The class of the least loss; no vote where they are not all finite."""
    return torch.where(losses.isfinite().all(1), losses.argmin(1), NO_VOTE)


def counted(ballots: Tensor, classes: int) -> Tensor:
    """How many vote for each class on each record, [records, classes], exactly. Private."""
    there = nn.functional.one_hot(ballots.clamp(min=0), classes)
    return (there * (ballots != NO_VOTE).unsqueeze(2)).sum(0).double()


def _opinion(school: School, chance: Chance, teacher: int) -> Tensor:
    school.on_teacher(teacher)
    units = units_of(chance.parts, teacher)
    if not len(units):
        return torch.full((school.fusion.records, len(school.fusion.classes)), math.nan).double()
    lesson = Lesson(
        recipe=school.recipe,
        first=school.first,
        source=school.source,
        units=units,
        epochs=school.fusion.epochs,
        batch=school.fusion.batch,
        seed=chance.seeds[teacher],
        device=school.device,
    )
    return opinion_of(school, fitted(lesson))


def opinion_of(school: School, model: nn.Module) -> Tensor:
    """A model's loss of each public record under each class."""
    model.eval()
    with torch.no_grad():
        return torch.cat(list(_losses(school, model)))


def _losses(school: School, model: nn.Module) -> Iterator[Tensor]:
    """The loss of each record under each class, part by part, on the CPU. Each teacher is asked by
    tensors of its own: what one's loss wrote into them would reach all that follow."""
    for asked in school.questions:
        copies = ({name: one.clone() for name, one in batch.items()} for batch in asked.batches)
        found = [school.recipe.losses(model, batch) for batch in copies]
        yield torch.stack([checked(one, asked.records) for one in found], 1).double().cpu()
