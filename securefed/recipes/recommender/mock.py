"""Made-up ratings: users and items with a bias and a taste each, rounded to half points."""

from pathlib import Path

import numpy as np

from securefed.recipes.recommender.items import Items
from securefed.recipes.recommender.settings import RecommenderSettings
from securefed.recipes.records import Records

_USERS = 40


def mock_ratings(
    settings: RecommenderSettings, items: Items, records: int, seed: int, folder: Path
) -> Records:
    """So many records; the same ones for the same seed."""
    drawn = np.random.default_rng(seed)
    who, what = drawn.integers(0, _USERS, records), drawn.integers(0, items.count, records)
    # What an item is like is the same for each seed, so that one mock tells of another.
    world = np.random.default_rng(0)
    user_side = world.normal(0, 0.15, (_USERS, 3))
    item_side = world.normal(0, 0.15, (items.count, 3))
    share = 0.5 + user_side[who, 0] + item_side[what, 0]
    share += (user_side[who, 1:] * item_side[what, 1:]).sum(1) * 4 + drawn.normal(0, 0.05, records)
    step = (settings.highest - settings.lowest) / 8
    ratings = settings.lowest + step * np.rint(share.clip(0, 1) * 8)
    return Records(
        columns={
            settings.user_column: [f"user-{number}" for number in who],
            settings.item_column: items.some([int(row) for row in what]),
            settings.rating_column: [float(rating) for rating in ratings],
        },
        folder=folder,
    )
