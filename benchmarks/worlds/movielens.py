"""MovieLens latest-small as a site holds it, one split of it, and a recommender trained on it.

The data lies beside the checkout or where SECUREFED_DATA says; without it there is nothing to
measure. The split is that of the reference figures: a random tenth for tests, seed 0 of numpy's
generator. The list of films and the mean of 3.5 are public. Training goes through the engine that
sites run, with noise from the accounting that sites use; "without privacy" is the same with noise
and a clip that change nothing.
"""

import csv
import hashlib
import os
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from securefed.adapters.odometer import Odometer
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.training import begun_model, train
from securefed.domain.identifiers import Line
from securefed.domain.planning import Costs, PlannedRound, noise_for
from securefed.domain.privacy import DpSgd, Mechanism, PrivacyUnit, Sampling
from securefed.domain.renyi import best_epsilon
from securefed.domain.site import Column, ColumnType
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.recommender import (
    Recommender,
    RecommenderRecipe,
    RecommenderSettings,
    hit_rate,
    make,
)
from securefed.recipes.recommender.ratings import user_row
from securefed.recipes.records import Records

RECORD = PrivacyUnit(column=None, bound=1)
# Half of the users have fewer ratings; of the others as many are drawn anew in each step.
USER = PrivacyUnit(column="userId", bound=100)
LOWEST, HIGHEST, MEAN = 0.5, 5.0, 3.5
_COLUMNS = {"userId": ColumnType.IDENTIFIER, "movieId": ColumnType.IDENTIFIER}
_COLUMNS |= {"rating": ColumnType.DECIMAL}
_NEGATIVES, _ASKED, _LIKED = 99, 2000, 4.0

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]


class Gate:
    """Lets every step through: a benchmark has no ledger."""

    def before_step(self, step: int) -> None:
        """Returns at once."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """On the test tenth."""

    rmse: float
    hits: float


def noised(epsilon: str, delta: str, steps: int, clip: str, rate: str = "1") -> DpSgd:
    """Steps with the least noise that costs at most ε."""
    one = unprotected(steps, clip, rate)
    noise = noise_for(_costs(Decimal(delta)), PlannedRound(training=one), 1, Decimal(epsilon))
    if noise is None:
        raise ValueError(f"no noise costs at most {epsilon}")
    return replace(one, noise_multiplier=noise)


def unprotected(steps: int, clip: str = "1e6", rate: str = "1") -> DpSgd:
    """Steps with noise that is as good as none."""
    return DpSgd(
        noise_multiplier=Decimal("1e-9"),
        sampling_rate=Decimal(rate),
        sampling=Sampling.POISSON,
        steps=steps,
        clip=Decimal(clip),
    )


def _costs(delta: Decimal) -> Costs:
    def tight(mechanisms: tuple[Mechanism, ...]) -> Decimal:
        return Odometer().loss(mechanisms, delta).epsilon

    return Costs(tight=tight, quick=lambda mechanisms: best_epsilon(mechanisms, delta))


def films_folder() -> Path | None:
    """Where the data lies, if it does."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("SECUREFED_DATA") or beside) / "ml-latest-small"
    return folder if (folder / "ratings.csv").is_file() else None


class Films:
    """The ratings, split, and the catalogue as an asset."""

    def __init__(self, folder: Path, assets: Path) -> None:
        self._assets = assets
        films = [row["movieId"] for row in _rows(folder / "movies.csv")]
        catalogue = "".join(film + "\n" for film in films).encode()
        assets.joinpath("films.txt").write_bytes(catalogue)
        self._pin = "sha256:" + hashlib.sha256(catalogue).hexdigest()
        self._place = {film: place for place, film in enumerate(films)}
        rows = _rows(folder / "ratings.csv")
        self.users = [row["userId"] for row in rows]
        self.who = np.unique(self.users, return_inverse=True)[1]
        self.items = np.array([self._place[row["movieId"]] for row in rows])
        self.films = [row["movieId"] for row in rows]
        self.ratings = np.array([float(row["rating"]) for row in rows])
        order = np.random.default_rng(0).permutation(len(rows))
        self.test, self.train = order[: len(rows) // 10], order[len(rows) // 10 :]

    def recipe(self, **settings: object) -> RecommenderRecipe:
        """A recommender of these films."""
        known = {"user_column": "userId", "item_column": "movieId", "rating_column": "rating"}
        known |= {"catalogue": "films.txt", "catalogue_sha256": self._pin}
        public = {"lowest": LOWEST, "highest": HIGHEST, "mean": MEAN}
        chosen = RecommenderSettings.model_validate({**known, **public, **settings})
        return make(chosen, self._assets)

    def source(self, unit: PrivacyUnit) -> MemorySource:
        """The nine tenths to train on."""
        columns = {
            "userId": [self.users[one] for one in self.train],
            "movieId": [self.films[one] for one in self.train],
            "rating": [float(self.ratings[one]) for one in self.train],
        }
        told = tuple(
            Column(name=Line(name), type=kind, meaning=Line(name))
            for name, kind in _COLUMNS.items()
        )
        return MemorySource(Records(columns=columns, folder=Path()), told, unit)

    def scores(self, recipe: RecommenderRecipe, model: Recommender) -> Scores:
        """RMSE of the test ratings; HR@10 of liked test items among others picked by chance."""
        with torch.no_grad():
            side = _UserSide(self, recipe, model)
            everything = np.arange(len(self.test))
            told = side.predicted(everything, torch.tensor(self.items[self.test]).unsqueeze(1))
            asked, candidates = self._asked()
            hits = hit_rate(side.predicted(asked, candidates))
        return Scores(rmse=self.rmse(told.squeeze(1).numpy()), hits=hits)

    def rmse(self, above: Floats) -> float:
        """Of predictions for the test tenth, as distances from the public mean."""
        kept = (above + MEAN).clip(LOWEST, HIGHEST)
        return float(np.sqrt(np.mean((kept - self.ratings[self.test]) ** 2)))

    def lines(self) -> dict[str, Floats]:
        """What predicts without a model, fitted to the training part without any privacy."""
        user, item = self.who, self.items
        above = self.ratings - MEAN
        own = _shrunken_means(user, above, self.train)
        films = _shrunken_means(item, above, self.train)
        both_user, both_item = np.zeros_like(own), np.zeros_like(films)
        for _ in range(10):
            both_user = _shrunken_means(user, above - both_item[item], self.train)
            both_item = _shrunken_means(item, above - both_user[user], self.train)
        test = self.test
        return {
            "global mean": np.full(len(test), above[self.train].mean()),
            "item mean": films[item[test]],
            "user's own mean": own[user[test]],
            "item and user bias": both_user[user[test]] + both_item[item[test]],
        }

    def _asked(self) -> tuple[Ints, Tensor]:
        """Test ratings of 4 and more, each beside 99 films that the user has not rated."""
        drawn = np.random.default_rng(1)
        liked = np.flatnonzero(self.ratings[self.test] >= _LIKED)
        asked = drawn.permutation(liked)[:_ASKED]
        rated: dict[str, set[int]] = {}
        for user, item in zip(self.users, self.items.tolist(), strict=True):
            rated.setdefault(user, set()).add(item)
        rows = [self._beside(drawn, self.test[one], rated) for one in asked]
        return asked, torch.tensor(rows)

    def _beside(
        self, drawn: np.random.Generator, record: int, rated: dict[str, set[int]]
    ) -> list[int]:
        row = [int(self.items[record])]
        while len(row) < 1 + _NEGATIVES:
            item = int(drawn.integers(len(self._place)))
            if item not in rated[self.users[record]] and item not in row:
                row.append(item)
        return row


class _UserSide:
    """Predicts as a user's own device would: from the model and that user's training records."""

    def __init__(self, films: Films, recipe: RecommenderRecipe, model: Recommender) -> None:
        self._films, self._recipe, self._model = films, recipe, model
        self._history: dict[str, list[int]] = {}
        for record in films.train:
            self._history.setdefault(films.users[record], []).append(record)

    def predicted(self, asked: Ints, candidates: Tensor) -> Tensor:
        """For some test records, each with a row of candidates."""
        records = self._films.test[asked]
        if self._recipe.kept:
            rows = self._recipe.settings.user_rows
            users = torch.tensor([user_row(self._films.users[one], rows) for one in records])
            flat = users.unsqueeze(1).expand_as(candidates).flatten()
            told: Tensor = self._model(candidates.flatten(), user=flat)
            return told.view(candidates.shape)
        answers = torch.zeros(candidates.shape)
        places: dict[str, list[int]] = {}
        for place, record in enumerate(records):
            places.setdefault(self._films.users[record], []).append(place)
        for user, of_user in places.items():
            seen = np.array(self._history.get(user, []), np.int64)
            above = torch.tensor(self._films.ratings[seen] - MEAN, dtype=torch.float32)
            items = torch.tensor(self._films.items[seen])
            told = self._model.foretell(items, above, candidates[of_user].flatten())
            answers[of_user] = told.view(len(of_user), -1)
        return answers


def trained(films: Films, recipe: RecommenderRecipe, unit: PrivacyUnit, mechanism: DpSgd) -> Scores:
    """Trains through the engine, and scores on the test tenth."""
    source = films.source(unit)
    run = TrainingRun(recipe=recipe, source=source, mechanism=mechanism)
    done = train(run, Gate())
    begun = begun_model(replace(run, weights=done.weights, kept=done.kept)).eval()
    if not isinstance(begun, Recommender):
        raise TypeError("a recommender's model is a Recommender")
    return films.scores(recipe, begun)


def _shrunken_means(group: Ints, values: Floats, train: Ints) -> Floats:
    """Each group's mean, as if five more values of zero were in it."""
    size = int(group.max()) + 1
    total = np.bincount(group[train], values[train], size)
    return total / (np.bincount(group[train], minlength=size) + 5)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
