"""Ratings and users of records as tensors: ratings as distances from a public mean.

A user's row is the SHA-256 of the id, modulo the number of rows: it needs no list of users, and
nobody's row depends on who else is there. Two users on one row share it. A hash hides nobody, as
ids can be guessed; the rows do not leave the site.
"""

import hashlib
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from securefed.errors import DataUnreadable
from securefed.recipes.recommender.items import identifier
from securefed.recipes.recommender.settings import RecommenderSettings
from securefed.recipes.records import Cell


def ratings_above_mean(cells: Sequence[Cell], settings: RecommenderSettings) -> Tensor:
    """How far each rating is above the public mean. Raises DataUnreadable for one out of range."""
    values = [_rating(cell, settings) for cell in cells]
    return torch.tensor(values, dtype=torch.float32) - settings.centre


def _rating(cell: Cell, settings: RecommenderSettings) -> float:
    number = math.nan if cell is None or isinstance(cell, str | bool) else float(cell)
    if not settings.lowest <= number <= settings.highest:
        raise DataUnreadable(
            f"Expected a rating from {settings.lowest:g} to {settings.highest:g}",
            where=settings.rating_column,
        )
    return number


def user_rows(cells: Sequence[Cell], settings: RecommenderSettings) -> Tensor:
    """The row of each user."""
    # The records of a batch have few users between them.
    known: dict[Cell, int] = {}
    for cell in cells:
        if cell not in known:
            known[cell] = user_row(identifier(cell, settings.user_column), settings.user_rows)
    return torch.tensor([known[cell] for cell in cells], dtype=torch.int64)


def user_row(user: str, rows: int) -> int:
    """The row of a user among so many."""
    digest = hashlib.sha256(b"securefed user v1: " + user.encode()).digest()
    return int.from_bytes(digest[:16], "big") % rows
