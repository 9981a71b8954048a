"""What a recipe is that changes one thing about another: all but that is the other's."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from securefed.domain.identifiers import Name
from securefed.recipes.recipe import Batch, Forward, Needed, Recipe
from securefed.recipes.records import Records
from securefed.recipes.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Wrapped:
    """The other recipe, asked for everything but what it keeps, which each kind says itself."""

    recipe: Recipe

    @property
    def family(self) -> Name:
        """As the recipe's."""
        return self.recipe.family

    @property
    def settings(self) -> Settings:
        """As the recipe's."""
        return self.recipe.settings

    def needs(self) -> tuple[Needed, ...]:
        """As the recipe's."""
        return self.recipe.needs()

    def model(self) -> nn.Module:
        """As the recipe's."""
        return self.recipe.model()

    def collate(self, records: Records) -> Batch:
        """As the recipe's."""
        return self.recipe.collate(records)

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        """As the recipe's."""
        return self.recipe.losses(model, batch)

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        """As the recipe's."""
        return self.recipe.tallies(model, batch)

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """As the recipe's."""
        return self.recipe.metrics(tally)

    def mock(self, records: int, seed: int, folder: Path) -> Records:
        """As the recipe's."""
        return self.recipe.mock(records, seed, folder)
