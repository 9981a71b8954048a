"""The recommender: ratings of items by users, protected record by record or user by user.

Items, the range of ratings and about how high they are on average are public and stated in the
study. With `users=table` each record is protected, and a table of users is trained that never
leaves the site. With `users=records` and a dataset whose privacy unit is the users' column, all of
a user's records are protected together, and no state belongs to a user at all. With few users
against many items, or a small ε, `width=0` learns most; benchmarks/recommender.py has a curve.
"""

from pathlib import Path

from securefed.domain.identifiers import Name, Version
from securefed.recipes.recommender.items import Items, read_catalogue
from securefed.recipes.recommender.model import Recommender
from securefed.recipes.recommender.ranking import hit_rate
from securefed.recipes.recommender.recipe import RecommenderRecipe
from securefed.recipes.recommender.settings import RecommenderSettings

NAME = Name("recommender")
VERSION = Version("1.0.0")
SETTINGS = RecommenderSettings

__all__ = [
    "NAME",
    "SETTINGS",
    "VERSION",
    "Recommender",
    "RecommenderRecipe",
    "RecommenderSettings",
    "hit_rate",
    "make",
]


def make(settings: RecommenderSettings, assets: Path | None) -> RecommenderRecipe:
    """The recipe of these settings; a catalogue lies among the assets."""
    items = Items(count=settings.items)
    if settings.catalogue:
        items = read_catalogue(assets, settings.catalogue, settings.catalogue_sha256)
    return RecommenderRecipe(settings=settings, items=items)
