"""A canary's gradient is its own direction, longer than the clip, whatever the weights are."""

from pathlib import Path

import pytest
import torch

from securefed.recipes.canaries import (
    Canaries,
    canary_records,
    canary_weights,
    idle_weights,
)
from securefed.recipes.fit import check_fit

RECIPE = Canaries(canaries=5, idle=3)


@pytest.mark.parametrize("weights", [0.0, 0.5, -7.0])
def test_a_gradient_of_its_own(weights: float) -> None:
    model = RECIPE.model()
    torch.nn.init.constant_(model.get_parameter("weight"), weights)
    batch = RECIPE.collate(canary_records([4, 0], 2, 1, Path()))
    losses = RECIPE.losses(model, batch)
    for loss, slot in zip(losses[:2], (4, 0), strict=True):
        (grad,) = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
        own = grad[0, canary_weights(5)]
        assert own[slot] == grad.abs().sum() == 10
    for loss in losses[2:]:
        (grad,) = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
        assert grad.abs().sum() > 0
        assert not grad[0, canary_weights(5)].any()
        assert not grad[0, idle_weights(5)].any()


def test_its_mock_has_canaries_and_others_and_fits() -> None:
    records = RECIPE.mock(9, 3, Path())
    assert len(records) == 9
    slots = records.columns["slot"]
    assert slots.count(-1) == 5
    check_fit(RECIPE, RECIPE.columns())
    assert RECIPE.mock(9, 3, Path()) == records != RECIPE.mock(9, 4, Path())
