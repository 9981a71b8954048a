"""Films rated on three platforms: the list of films is shared, users stay where they are."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from securefed.adapters.published_data.film_ratings import ORIGIN, write_film_ratings
from securefed.domain.identifiers import Name
from securefed.wiring.workloads.workload import (
    PUBLISHED,
    Compared,
    HeldOut,
    Model,
    Places,
    Workload,
)

if TYPE_CHECKING:
    from securefed.adapters.published_data.film_figures import FilmFigures


def _write(source: Path, places: Places) -> None:
    write_film_ratings(source, places.data, places.assets)


def _figures(held: HeldOut) -> "FilmFigures":
    from securefed.adapters.published_data.film_figures import FilmFigures
    from securefed.recipes.recommender import RecommenderRecipe

    if not isinstance(held.recipe, RecommenderRecipe):
        raise TypeError("the study's recipe is a recommender")
    return FilmFigures(held.recipe, held.sources, held.test)


def _measured(held: HeldOut, model: Model) -> Mapping[str, float]:
    return _figures(held).of(model.weights, model.kept)


def _own_mean(held: HeldOut) -> float:
    return _figures(held).lines()["user's own mean"]


RECOMMENDER = Workload(
    name=Name("recommender"),
    study="sites/recommender.toml",
    write=_write,
    epsilon=Decimal(16),
    delta=Decimal("1e-5"),
    compared=Compared(
        metric="rmse",
        line=_own_mean,
        line_is="each user's own mean, which costs no privacy",
    ),
    unit="ratings",
    policy=PUBLISHED,
    origin=ORIGIN,
    measure=_measured,
)
