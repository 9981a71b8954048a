"""The recommender: ratings of items by users, record by record or user by user.

recipe = make(RecommenderSettings(items=9742, lowest=0.5, mean=3.5), assets=None)
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
    if settings.catalogue:
        return RecommenderRecipe(
            settings=settings, items=read_catalogue(assets, settings.catalogue)
        )
    return RecommenderRecipe(settings=settings, items=Items(count=settings.items))
