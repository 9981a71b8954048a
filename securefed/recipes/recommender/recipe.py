"""The recommender as a recipe: half the squared error of each rating, RMSE and MAE.

With a table of users each record is protected. The table stays at the site and is trained under
clipping and noise all the same: other records of a user, and through them the items' rows, depend
on what it has learnt from one record. With users from their own records and a dataset whose unit is
the user, all of a user's records are protected together and there is no table to keep. That mode
is sound for other units too, but a user is then only what one unit's records tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from securefed.domain.identifiers import Name
from securefed.domain.site import ColumnType
from securefed.recipes.meaning import Meaning, Number
from securefed.recipes.recipe import Batch, Forward, Needed
from securefed.recipes.recommender.items import Items
from securefed.recipes.recommender.mock import mock_ratings
from securefed.recipes.recommender.model import USER_TABLE, Recommender
from securefed.recipes.recommender.ranking import RatingTally, hits, public_shifts
from securefed.recipes.recommender.ratings import ratings_above_mean, user_rows
from securefed.recipes.recommender.settings import RecommenderSettings
from securefed.recipes.records import Records

_IDS = frozenset({ColumnType.IDENTIFIER, ColumnType.INTEGER, ColumnType.CATEGORY, ColumnType.TEXT})
_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL})


@dataclass(frozen=True, kw_only=True)
class RecommenderRecipe:
    """Ratings of items by users."""

    settings: RecommenderSettings
    items: Items

    @property
    def family(self) -> Name:
        """By the kind of model."""
        return Name(f"recommender-{self.settings.model}")

    @property
    def kept(self) -> frozenset[str]:
        """The table of users."""
        return frozenset({USER_TABLE} if self._table else ())

    @property
    def meaning(self) -> Meaning:
        """A rating."""
        return Number(name=self.settings.rating_column, middle=self.settings.centre, step=1.0)

    def needs(self) -> tuple[Needed, ...]:
        """Items and ratings; users for their table alone."""
        needed = (
            Needed(name=self.settings.item_column, types=_IDS),
            Needed(name=self.settings.rating_column, types=_NUMBERS),
        )
        users = (Needed(name=self.settings.user_column, types=_IDS),)
        return (*users, *needed) if self._table else needed

    def model(self) -> nn.Module:
        """Biases at zero, small numbers beside them."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            return Recommender(self.settings, self.items.count)

    def collate(self, records: Records) -> Batch:
        """Rows of tables, and ratings as distances from the public mean."""
        settings, columns = self.settings, records.columns
        tensors = {
            "item": self.items.rows(columns[settings.item_column], settings.item_column),
            "rating": ratings_above_mean(columns[settings.rating_column], settings),
        }
        if self._table:
            tensors["user"] = user_rows(columns[settings.user_column], settings)
        return tensors

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        """Half the squared errors."""
        return 0.5 * (self._predicted(model, batch) - batch["rating"]).square()

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        """Errors of predictions, kept in the range of ratings, and whether a record's item is
        ranked near the top. Users from their own records are judged on each record by the others,
        where the model is in evaluation mode."""
        told = self._predicted(model, batch)
        hit = torch.zeros_like(told)
        if self._tally.ranks:
            shifts = public_shifts(self.items.count).to(told.device)
            others = model(batch["item"], shifts=shifts, **self._beside_items(batch))
            hit = hits(torch.cat([told[:, None], others], 1))
        centre = self.settings.centre
        return self._tally.rows(told + centre, batch["rating"] + centre, hit)

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """RMSE and MAE, and HR@10 of a record's item among a hundred."""
        return self._tally.metrics(tally)

    def mock(self, records: int, seed: int, folder: Path) -> Records:
        """Made-up users with a taste."""
        return mock_ratings(self.settings, self.items, records, seed, folder)

    @property
    def _table(self) -> bool:
        return self.settings.users == "table"

    @property
    def _tally(self) -> RatingTally:
        settings = self.settings
        return RatingTally(low=settings.lowest, high=settings.highest, items=self.items.count)

    def _predicted(self, model: Forward, batch: Batch) -> Tensor:
        predicted: Tensor = model(batch["item"], **self._beside_items(batch))
        return predicted

    def _beside_items(self, batch: Batch) -> dict[str, Tensor | int]:
        if self._table:
            return {"user": batch["user"]}
        return {
            "rating": batch["rating"],
            "present": (batch["weight"] > 0).float(),
            # The engine numbers a batch's units from zero and gives each the same number of rows.
            "users": int(batch["unit"][-1]) + 1,
        }
