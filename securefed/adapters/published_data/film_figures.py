"""How well a recommender foretells held-out ratings: RMSE, and HR@10 of films that were liked.

Predictions are those of the user's own side: from the model and that user's other ratings, which
the platform has, or from the table of users that stayed there. HR@10 ranks a held-out film with
four stars or more among 99 that the user has not rated, drawn from a fixed seed. For published
ratings only: nothing is noised here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from securefed.adapters.published_data.film_ratings import ITEM, RATING, USER
from securefed.domain.identifiers import SiteId
from securefed.recipes.files.source import RecordSource
from securefed.recipes.recommender import Recommender, RecommenderRecipe, hit_rate
from securefed.recipes.recommender.ratings import user_row

_NEGATIVES: Final = 99
_ASKED: Final = 2000
_LIKED: Final = 4.0
_SEED: Final = 1
_SHRUNK: Final = 5

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """Ratings with films by their row in the catalogue, as distances from the public mean."""

    users: Sequence[str]
    films: Ints
    above: Floats

    @cached_property
    def of_user(self) -> Mapping[str, Ints]:
        """The places of each user's ratings."""
        found: dict[str, list[int]] = {}
        for place, user in enumerate(self.users):
            found.setdefault(user, []).append(place)
        return {user: np.array(places) for user, places in found.items()}


class FilmFigures:
    """Held-out ratings, and those that platforms have."""

    def __init__(
        self,
        recipe: RecommenderRecipe,
        sources: Mapping[SiteId, RecordSource],
        test: RecordSource,
    ) -> None:
        self._recipe, self._settings = recipe, recipe.settings
        self._test = self._read(test)
        self._seen = {site: self._read(source) for site, source in sources.items()}

    def of(
        self, weights: Mapping[str, Tensor], kept: Mapping[SiteId, Mapping[str, Tensor]]
    ) -> dict[str, float]:
        """RMSE and HR@10 of a model; `kept` is what stayed at each platform."""
        asked, candidates = self._asked
        told, ranked = np.zeros(len(self._test.users)), torch.zeros(candidates.shape)
        for site, seen in self._seen.items():
            side = _Side(self._recipe, {**weights, **kept.get(site, {})}, seen)
            for user, places in self._test.of_user.items():
                if user not in seen.of_user:
                    continue
                told[places] = side.predicted(user, torch.tensor(self._test.films[places])).numpy()
                mine = np.flatnonzero(np.isin(asked, places))
                if len(mine):
                    row = side.predicted(user, candidates[mine].flatten())
                    ranked[mine] = row.view(len(mine), -1)
        return {"rmse": self._rmse(told), "hit_rate_at_10": hit_rate(ranked)}

    def lines(self) -> dict[str, float]:
        """RMSE of what predicts without a model, from all platforms' ratings without privacy."""
        all_users = [user for seen in self._seen.values() for user in seen.users]
        number = {user: at for at, user in enumerate(sorted({*all_users, *self._test.users}))}
        who = np.array([number[user] for user in all_users])
        asked = np.array([number[user] for user in self._test.users])
        films = np.concatenate([seen.films for seen in self._seen.values()])
        above = np.concatenate([seen.above for seen in self._seen.values()])
        users, items = len(number), self._recipe.items.count
        by_film = _shrunk_means(films, above, items)
        by_user = _shrunk_means(who, above, users)
        return {
            "global mean": self._rmse(np.full(len(asked), above.mean())),
            "item mean": self._rmse(by_film[self._test.films]),
            "user's own mean": self._rmse(by_user[asked]),
        }

    def _read(self, source: RecordSource) -> Ratings:
        columns = source.take(np.arange(source.records, dtype=np.int64)).columns
        stars = np.array([float(one or 0) for one in columns[RATING]])
        return Ratings(
            users=[str(one) for one in columns[USER]],
            films=self._recipe.items.rows(columns[ITEM], ITEM).numpy(),
            above=stars - self._settings.centre,
        )

    def _rmse(self, above: Floats) -> float:
        low, high, centre = self._settings.lowest, self._settings.highest, self._settings.centre
        kept = above.clip(low - centre, high - centre)
        return float(np.sqrt(np.mean((kept - self._test.above) ** 2)))

    @cached_property
    def _asked(self) -> tuple[Ints, Tensor]:
        """Held-out films that were liked, each at the front of a row with others."""
        drawn = np.random.default_rng(_SEED)
        liked = np.flatnonzero(self._test.above + self._settings.centre >= _LIKED)
        asked = drawn.permutation(liked)[:_ASKED]
        rated: dict[str, set[int]] = {}
        for part in (self._test, *self._seen.values()):
            for user, film in zip(part.users, part.films.tolist(), strict=True):
                rated.setdefault(user, set()).add(film)
        rows = [
            self._beside(drawn, int(self._test.films[at]), rated[self._test.users[at]])
            for at in asked
        ]
        return asked, torch.tensor(rows)

    def _beside(self, drawn: np.random.Generator, film: int, rated: set[int]) -> list[int]:
        row = [film]
        while len(row) < 1 + _NEGATIVES:
            other = int(drawn.integers(self._recipe.items.count))
            if other not in rated and other not in row:
                row.append(other)
        return row


class _Side:
    """A platform's side: a model, and the ratings of the users who are there."""

    def __init__(
        self, recipe: RecommenderRecipe, weights: Mapping[str, Tensor], seen: Ratings
    ) -> None:
        model = recipe.model()
        if not isinstance(model, Recommender):
            raise TypeError("a recommender's model is a Recommender")
        model.load_state_dict(dict(weights))
        self._recipe, self._model, self._seen = recipe, model.eval(), seen

    @torch.no_grad()
    def predicted(self, user: str, films: Tensor) -> Tensor:
        """How far above the public mean the user would rate some films."""
        if self._recipe.kept:
            row = user_row(user, self._recipe.settings.user_rows)
            told: Tensor = self._model(films, user=torch.full_like(films, row))
            return told
        own = self._seen.of_user[user]
        above = torch.tensor(self._seen.above[own], dtype=torch.float32)
        return self._model.foretell(torch.tensor(self._seen.films[own]), above, films)


def _shrunk_means(group: Ints, values: Floats, size: int) -> Floats:
    """Each group's mean, as if some more values of zero were in it."""
    total = np.bincount(group, values, size)
    found: Floats = total / (np.bincount(group, minlength=size) + _SHRUNK)
    return found
