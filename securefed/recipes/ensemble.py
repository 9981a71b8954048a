"""Several models of one task as one recipe: what it predicts is the mean of what they say.

Each model reads records by its own recipe, so that one can be a table's and another a text's. The
metrics are those of the first recipe. One model alone is an ensemble, too. Nothing is trained: the
models were, each under its own study's privacy, and what they say costs nothing further.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from securefed.domain.identifiers import Name
from securefed.errors import ModelUnusable
from securefed.recipes.built import Built
from securefed.recipes.meaning import Meaning, expect_same, meaning_of
from securefed.recipes.recipe import Batch, Forward, Needed, Recipe
from securefed.recipes.records import Records
from securefed.recipes.settings import Settings

# The engine adds these to every batch.
_SHARED = ("unit", "weight")


class Members(nn.Module):
    """The models, side by side."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)


class Ensemble:
    """Models that predict together. It is evaluated, never trained."""

    kept: frozenset[str] = frozenset()

    def __init__(self, members: Sequence[Built]) -> None:
        self._recipes = [one.recipe for one in members]
        self._models = [one.model for one in members]
        for recipe in self._recipes:
            _expect_whole(recipe)
        several = len(members) > 1
        self._same = expect_same([meaning_of(one) for one in self._recipes]) if several else None

    @property
    def family(self) -> Name:
        """The first model's."""
        return self._recipes[0].family

    @property
    def settings(self) -> Settings:
        """The first model's."""
        return self._recipes[0].settings

    @property
    def meaning(self) -> Meaning:
        """What all of them say."""
        return self._same or meaning_of(self._recipes[0])

    def needs(self) -> tuple[Needed, ...]:
        """All columns that any of them reads."""
        return tuple(dict.fromkeys(need for one in self._recipes for need in one.needs()))

    def model(self) -> nn.Module:
        """The models."""
        return Members(self._models)

    def collate(self, records: Records) -> Batch:
        """Each recipe's tensors, after its number."""
        return {
            f"{number} {name}": tensor
            for number, recipe in enumerate(self._recipes)
            for name, tensor in recipe.collate(records).items()
        }

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        """The first recipe's, of what the models say together."""
        return self._recipes[0].losses(self._together(model, batch), _own(batch, 0))

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        """The first recipe's, of what the models say together."""
        return self._recipes[0].tallies(self._together(model, batch), _own(batch, 0))

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """The first recipe's."""
        return self._recipes[0].metrics(tally)

    def mock(self, records: int, seed: int, folder: Path) -> Records:
        """Made-up records that every recipe can read: the first one's with the others' columns."""
        found = [one.mock(records, seed, folder) for one in reversed(self._recipes)]
        columns = {name: cells for one in found for name, cells in one.columns.items()}
        return Records(columns=columns, folder=folder)

    def said(self, model: Forward, batch: Batch) -> Tensor:
        """What the models say of each record."""
        return _mean(self.meaning, next(self._calls(model, batch)))

    def _together(self, model: Forward, batch: Batch) -> Forward:
        """In place of the first model, for as many calls as its recipe makes."""
        if self._same is None:
            return _members(model)[0]
        same = self._same
        told = (same.outputs(_mean(same, one)) for one in self._calls(model, batch))
        return lambda *_, **__: next(told)

    def _calls(self, model: Forward, batch: Batch) -> Iterator[Sequence[Tensor]]:
        """What every model answers to its recipe's first call, then to the next."""
        pairs = zip(self._recipes, _members(model), strict=True)
        answers = [
            _answered(recipe, one, _own(batch, number))
            for number, (recipe, one) in enumerate(pairs)
        ]
        return iter(list(zip(*answers, strict=True)))


def _expect_whole(recipe: Recipe) -> None:
    if recipe.kept:
        raise ModelUnusable(
            f"A part of the model never left the sites: {', '.join(sorted(recipe.kept))}",
            hint="Only the sites can say what such a model predicts.",
        )


def _members(model: Forward) -> Sequence[nn.Module]:
    if not isinstance(model, Members):
        raise TypeError("an ensemble's model is its members")
    return list(model.models)


def _own(batch: Batch, number: int) -> Batch:
    start = f"{number} "
    own = {name.removeprefix(start): one for name, one in batch.items() if name.startswith(start)}
    return own | {name: batch[name] for name in _SHARED if name in batch}


def _mean(meaning: Meaning, outputs: Sequence[Tensor]) -> Tensor:
    if len({one.shape for one in outputs}) > 1:
        raise ModelUnusable("The models do not answer with equally many numbers")
    return torch.stack([meaning.said(one) for one in outputs]).mean(0)


def _answered(recipe: Recipe, model: nn.Module, batch: Batch) -> list[Tensor]:
    """What a recipe's model answers, call by call."""
    answers: list[Tensor] = []

    def forward(*given: Tensor, **named: Tensor) -> Tensor:
        answers.append(model(*given, **named))
        return answers[-1]

    recipe.tallies(forward, batch)
    return answers
