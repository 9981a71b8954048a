"""Each kind of recommender, and records for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from securefed.recipes.recipe import Batch
from securefed.recipes.recommender import RecommenderRecipe
from tests.recipes.recommender.small import MODELS, recommender


@pytest.fixture(
    params=[(model, users) for model in MODELS for users in ("table", "records")], ids="-".join
)
def recipe(request: pytest.FixtureRequest) -> RecommenderRecipe:
    """Each model with each kind of users."""
    return recommender(model=request.param[0], users=request.param[1])


@pytest.fixture
def mocked(tmp_path: Path) -> Callable[..., Any]:
    """Some made-up records as tensors."""

    def made(recipe: RecommenderRecipe, records: int, seed: int = 0) -> Batch:
        return recipe.collate(recipe.mock(records, seed, tmp_path))

    return made
