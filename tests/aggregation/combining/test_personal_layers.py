"""What a recipe keeps at the site has no place in what is summed, stepped or sent."""

import pytest

from securefed.adapters.opacus_training.weights import (
    copied,
    kept_parameters,
    shared_parameters,
    trained_parameters,
)
from securefed.recipes.layout import Layout
from securefed.recipes.recommender.model import USER_TABLE
from tests.recipes.recommender.small import MODELS, recommender

pytestmark = pytest.mark.slow  # importing the engine alone takes seconds


@pytest.mark.parametrize("kind", MODELS)
def test_a_table_of_users_is_trained_and_has_no_place_in_the_layout(kind: str) -> None:
    recipe = recommender(model=kind, users="table")
    model = recipe.model()
    layout = Layout.of(copied(shared_parameters(model, recipe)))
    kept = Layout.of(copied(kept_parameters(model, recipe)))
    assert kept.names == (USER_TABLE,)
    assert USER_TABLE not in layout.names
    assert {*layout.names, *kept.names} == trained_parameters(model).keys()
