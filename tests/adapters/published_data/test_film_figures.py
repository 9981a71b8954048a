"""Figures of a recommender on held-out ratings, from models whose answers are known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from securefed.adapters.published_data.film_figures import FilmFigures
from securefed.adapters.published_data.part import column
from securefed.domain.identifiers import SiteId
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import ColumnType
from securefed.errors import DataUnreadable
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.recommender import RecommenderRecipe, RecommenderSettings, make
from securefed.recipes.recommender.ratings import user_row
from securefed.recipes.records import Records

FILMS = 200
COLUMNS = (
    column("user", ColumnType.IDENTIFIER, "Who"),
    column("film", ColumnType.IDENTIFIER, "What"),
    column("rating", ColumnType.DECIMAL, "How"),
)
HERE, THERE = SiteId("here"), SiteId("there")
# Films below ten are good ones; everybody agrees.
GOOD = 10


def source(ratings: list[tuple[str, int, float]]) -> MemorySource:
    users, films, stars = zip(*ratings, strict=True)
    columns = {"user": users, "film": [str(one) for one in films], "rating": stars}
    unit = PrivacyUnit(column=None, bound=1)
    return MemorySource(Records(columns=columns, folder=Path()), COLUMNS, unit)


def stars(film: int) -> float:
    return 5.0 if film < GOOD else 2.0


@dataclass
class Shop:
    recipe: RecommenderRecipe
    figures: FilmFigures


def shop(**settings: object) -> Shop:
    """Two platforms with two users each; the good film 0 and the bad film 50 are held out."""
    known = {"items": FILMS, "item_column": "film", "lowest": 0.5, "highest": 5.0, "mean": 3.5}
    recipe = make(RecommenderSettings.model_validate({**known, **settings}), None)
    users = {HERE: ("u1", "u2"), THERE: ("u3", "u4")}
    seen = {
        site: source([(user, film, stars(film)) for user in who for film in (1, 2, 60, 61)])
        for site, who in users.items()
    }
    test = source([(user, film, stars(film)) for user in ("u1", "u3") for film in (0, 50)])
    return Shop(recipe, FilmFigures(recipe, seen, test))


def truth() -> torch.Tensor:
    return torch.tensor([stars(film) - 3.5 for film in range(FILMS)])


def test_a_model_that_knows_every_film_makes_no_mistake() -> None:
    made = shop(users="records", width=0, table_scale=1)
    found = made.figures.of({"item.weight": truth().unsqueeze(1)}, {})
    assert found["rmse"] == pytest.approx(0, abs=1e-6)
    assert found["hit_rate_at_10"] == 1


def test_a_model_that_says_the_opposite_hits_nothing() -> None:
    made = shop(users="records", width=0, table_scale=1)
    found = made.figures.of({"item.weight": -truth().unsqueeze(1)}, {})
    assert found["rmse"] > 1
    assert found["hit_rate_at_10"] == 0


def test_without_a_table_users_are_foretold_from_their_own_ratings() -> None:
    """Items say nothing: a user's mean is shrunk, (1.5 + 1.5 - 1.5 - 1.5) / 4 = 0 above 3.5."""
    made = shop(users="records", width=0, table_scale=1)
    found = made.figures.of({"item.weight": torch.zeros(FILMS, 1)}, {})
    assert found["rmse"] == pytest.approx(1.5)
    assert found["hit_rate_at_10"] == 0


def test_each_platform_uses_the_table_that_stayed_there() -> None:
    made = shop(users="table", width=0, user_rows=64, table_scale=1)
    items = truth().unsqueeze(1)
    odd, plain = torch.zeros(64, 1), torch.zeros(64, 1)
    odd[user_row("u3", 64)] = -1.0
    kept = {HERE: {"user.weight": plain}, THERE: {"user.weight": odd}}
    found = made.figures.of({"item.weight": items}, kept)
    # u3's two predictions of four are wrong by one.
    assert found["rmse"] == pytest.approx(np.sqrt(0.5), abs=1e-6)


def test_the_lines_are_those_of_means() -> None:
    lines = shop(users="records", width=0).figures.lines()
    assert lines["global mean"] == pytest.approx(1.5)
    assert lines["user's own mean"] == pytest.approx(1.5)
    assert lines["item mean"] == pytest.approx(1.5)


def test_a_film_that_is_not_in_the_catalogue_is_refused() -> None:
    made = shop(users="records", width=0)
    with pytest.raises(DataUnreadable, match="Items are numbers"):
        FilmFigures(made.recipe, {}, source([("u1", FILMS, 3.0)]))
