"""Convolutions: exact under the engine, learnable on the mock, and the same every time."""

from pathlib import Path

import pytest
import torch
from torch import nn

from securefed.recipes.images import ImagesSettings, make
from tests.recipes.images.exactness import assert_exact_on_mock, learnt_accuracy

SMALL = {"size": 8, "width": 4, "depth": 2}
CASES = {
    "two classes": {},
    "three weighted classes": {"classes": "a, b, c", "class_weights": "1, 2, 0.5"},
    "grey boxes": {"colour": False, "boxes": True},
    "head": {"train": "head"},
}


@pytest.mark.parametrize("case", CASES)
def test_exact(case: str, tmp_path: Path) -> None:
    assert_exact_on_mock(make(ImagesSettings(**SMALL, **CASES[case]), None), tmp_path)


@pytest.mark.parametrize("case", ["three weighted classes", "grey boxes"])
def test_the_mock_can_be_learnt(case: str, tmp_path: Path) -> None:
    settings = ImagesSettings(**SMALL, **CASES[case])
    assert learnt_accuracy(settings, tmp_path, 60) > 0.9


def test_a_weight_multiplies_the_loss_of_its_class(tmp_path: Path) -> None:
    plain, weighed = (
        make(ImagesSettings(**SMALL, class_weights=weights), None) for weights in ("", "1,10")
    )
    model, batch = plain.model(), plain.collate(plain.mock(4, 0, tmp_path))
    told = weighed.losses(model, batch) / plain.losses(model, batch)
    torch.testing.assert_close(told, torch.tensor([1.0, 10.0, 1.0, 10.0]))


def test_first_weights_come_from_the_seed_and_touch_no_other_chance() -> None:
    first, again, other = (make(ImagesSettings(**SMALL, seed=seed), None) for seed in (1, 1, 2))
    before = torch.get_rng_state()
    weights = [nn.utils.parameters_to_vector(one.model().parameters()) for one in (first, again)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*weights)
    assert not torch.equal(weights[0], nn.utils.parameters_to_vector(other.model().parameters()))


def test_only_the_last_layer_is_trained() -> None:
    model = make(ImagesSettings(**SMALL, train="head"), None).model()
    trained = [name for name, one in model.named_parameters() if one.requires_grad]
    assert trained == ["head.weight", "head.bias"]


def test_scores_do_not_depend_on_who_else_is_there(tmp_path: Path) -> None:
    recipe = make(ImagesSettings(**SMALL), None)
    model, records = recipe.model(), recipe.mock(5, 0, tmp_path)
    together = recipe.losses(model, recipe.collate(records))
    alone = [recipe.losses(model, recipe.collate(records.picked([i]))) for i in range(5)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_each_image_adds_a_tally_of_norm_one(tmp_path: Path) -> None:
    for classes in ("a,b", "a,b,c"):
        recipe = make(ImagesSettings(**SMALL, classes=classes), None)
        batch = recipe.collate(recipe.mock(7, 0, tmp_path))
        rows = recipe.tallies(recipe.model(), batch)
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(7))
